"""Requests are equal to the provider's own client's; answers are read whole or refused with an EditError."""

import json
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_cases import call_of, names, recorded, submit_of

from wanflow.documents.schemas import load
from wanflow.errors import Again, EditError
from wanflow.functions import catalog
from wanflow.model import Call
from wanflow.wire import answers, requests
from wanflow.wire.answers import Item, TaskStatus
from wanflow.wire.verdicts import Phase, judged, retry_after

SUBMITS = [name for name in names() if submit_of(name)]
# Where our request differs from the recorded one, and why. Every other recorded request is made alike.
NOT_OURS = {
    "t2i26_02_async_all_parameters": "is_async in parameters is the recorded client's leak, not part of the API",
    "t2i26_03_async_then_wait": "is_async in parameters is the recorded client's leak, not part of the API",
    "imageedit_11_no_optional_parameters": "we always send n, because it is the price",
}
NO_REQUEST = {
    "imageedit_13_empty_prompt": "the recorded client refuses an empty prompt, which the API allows",
    "upload_06_missing_file": "a missing file is found while planning",
}


def ours(name):
    body = submit_of(name)["json"]
    call, model_name, pictures = call_of(body)
    model = catalog.models()[model_name]
    path = submit_of(name)["path"].removeprefix("/api/v1")
    protocol = next(protocol for protocol in model.protocols if protocol.path == path)
    return requests.submission(model, protocol, model_name, call, pictures)


def wanted(name):
    body = json.loads(json.dumps(submit_of(name)["json"]))
    if name in NOT_OURS:
        body["parameters"].pop("is_async", None)
        body["parameters"].setdefault("n", 1)
    return body


@pytest.mark.parametrize("name", SUBMITS)
def test_our_submit_is_the_recorded_one(name):
    request, sent = ours(name), submit_of(name)
    if name in NOT_OURS:
        request.json["parameters"].pop("is_async", None)
    assert (request.method, f"/api/v1{request.path}", dict(request.query)) == (sent["method"], sent["path"], {})
    assert json.loads(request.content) == wanted(name)
    headers = {name: value for name, value in sent["headers"].items() if name.startswith("X-")}
    assert request.headers == headers


def other_requests():
    return [
        (name, request)
        for name in names()
        for request in recorded(name)
        if "/services/" not in request["path"] and request["path"] != "/oss-upload/"
    ]


def asked_alike(request):
    path = request["path"].removeprefix("/api/v1")
    if path == "/uploads":
        return requests.policy(request["query"]["model"])
    if path == "/tasks":
        return requests.listing(page=1, size=10)
    task_id = path.split("/")[2]
    return requests.cancel(task_id) if path.endswith("/cancel") else requests.poll(task_id)


@pytest.mark.parametrize(("name", "request_"), other_requests(), ids=lambda value: value if type(value) is str else "")
def test_our_query_is_the_recorded_one(name, request_):
    made = asked_alike(request_)
    assert (made.method, f"/api/v1{made.path}", made.query) == (
        request_["method"],
        request_["path"],
        request_["query"],
    )
    assert made.content == request_["body"] and made.headers == {}


def test_every_recorded_case_is_compared():
    compared = {*SUBMITS, *(name for name, _ in other_requests()), *NO_REQUEST}
    assert compared == set(names())
    assert all(not recorded(name) for name in NO_REQUEST)


def policy(**more):
    data = {
        "policy": "cA==",
        "signature": "c2ln",
        "upload_dir": "dashscope-instant/0a/2025-11-20/ad2e1bf5",
        "upload_host": "https://files.example",
        "expire_in_seconds": 300,
        "max_file_size_mb": 100,
        "oss_access_key_id": "id",
        "x_oss_object_acl": "private",
        "x_oss_forbid_overwrite": "true",
        **more,
    }
    return json.dumps({"data": data, "request_id": "r"}).encode()


def test_our_upload_form_has_the_recorded_fields_in_their_order():
    form = next(request for request in recorded("upload_11_webp_content_type") if "form" in request)["form"]
    ours = requests.upload_form(answers.policy(policy()), "photo.webp", "image/webp")
    assert [*ours, "file"] == [field["name"] for field in form]
    same = ("x-oss-object-acl", "x-oss-forbid-overwrite", "success_action_status", "x-oss-content-type")
    assert {name: ours[name] for name in same} == {
        field["name"]: field["value"] for field in form if field["name"] in same
    }
    assert ours["key"] == "dashscope-instant/0a/2025-11-20/ad2e1bf5/photo.webp"


def test_hints_for_the_draft_engine_are_not_sent():
    call = Call("k", "wan/description_edit", {}, {"hint.mask": ("m.png", "a"), "image": ("i.png", "b")})
    assert requests.slots(catalog.models()["wanx2.1-imageedit"], call) == ["image"]


def test_many_images_keep_their_order():
    inputs = {f"images.{place}": (f"{place}.png", "") for place in (10, 2, 0, 1)}
    call = Call("k", "wan/i2i", {"prompt": "p"}, inputs)
    model = catalog.models()["wan2.5-i2i-preview"]
    assert requests.slots(model, call) == ["images.0", "images.1", "images.2", "images.10"]


def test_images_of_messages_come_before_the_text():
    model = catalog.models()["wan2.6-image"]
    call = Call("k", "wan/i2i", {"prompt": "join", "negative_prompt": "dark", "n": 2, "seed": None}, {})
    request = requests.submission(model, model.protocols[1], model.name, call, {"images.0": "oss://a", "images.1": "b"})
    assert request.json["input"]["messages"][0]["content"] == [{"image": "oss://a"}, {"image": "b"}, {"text": "join"}]
    assert request.json["parameters"] == {"n": 2, "negative_prompt": "dark"}
    assert request.headers == {"X-DashScope-Async": "enable", "X-DashScope-OssResourceResolve": "enable"}


@given(
    st.sampled_from(list(catalog.models().values())),
    st.dictionaries(
        st.sampled_from(["prompt", "negative_prompt", "size", "seed", "n", "strength"]),
        st.none() | st.integers() | st.text() | st.sampled_from(["\ud800", float("nan")]),
    ),
)
def test_any_call_becomes_json_or_an_error(model, parameters):
    for protocol in model.protocols:
        request = requests.submission(model, protocol, model.name, Call("k", "wan/t2i", parameters, {}), {})
        try:
            body = json.loads(request.content)
        except EditError as error:
            assert error.code == "NotJson" and str(error).isprintable()
        else:
            assert body.keys() == {"model", "parameters", "input"}
            assert body["parameters"]["n"] == (1 if parameters.get("n") is None else parameters["n"])
            assert None not in body["parameters"].values()


def test_a_list_query_tells_times_as_in_china():
    since = datetime(2026, 11, 20, 20, 0, 5, tzinfo=UTC)
    query = requests.listing(since, since + timedelta(hours=1), "wan2.6-t2i", page=2, size=50).query
    assert query == {
        "page_no": "2",
        "page_size": "50",
        "start_time": "20261121040005",
        "end_time": "20261121050005",
        "model_name": "wan2.6-t2i",
    }


def test_a_list_query_leaves_out_no_part_of_a_second_and_stays_within_a_day():
    since = datetime(2026, 11, 20, 20, 0, 5, 900_000, tzinfo=UTC)
    query = requests.listing(since, since + requests.WINDOW).query
    assert (query["start_time"], query["end_time"]) == ("20261121040005", "20261122040005")


# -- answers


def data(**output):
    return json.dumps({"output": {"task_id": "0385dc79-5ff8", "task_status": "SUCCEEDED", **output}}).encode()


def test_a_task_is_read_whole():
    answer = {
        "request_id": "r",
        "output": {
            "task_id": "0385dc79-5ff8",
            "task_status": "SUCCEEDED",
            "submit_time": "2026-11-20 18:05:30.123",
            "scheduled_time": "2026-11-20 18:05:31.000",
            "end_time": "2026-11-20 18:05:40.500",
            "results": [
                {"url": "https://r.example/a.png?Expires=1", "orig_prompt": "a", "actual_prompt": "a, extended"},
                {"code": "InternalError.Timeout", "message": "An internal timeout error has occured"},
            ],
            "task_metrics": {"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 1},
            "new": {"field": 1},
        },
        "usage": {"image_count": 1},
    }
    task = answers.task(json.dumps(answer).encode())
    assert (task.task_id, task.status, task.total, task.image_count) == ("0385dc79-5ff8", TaskStatus.SUCCEEDED, 2, 1)
    assert task.items == (
        Item("https://r.example/a.png?Expires=1", orig_prompt="a", actual_prompt="a, extended"),
        Item("", "InternalError.Timeout", "An internal timeout error has occured"),
    )
    assert task.submitted_at == datetime(2026, 11, 20, 10, 5, 30, 123000, tzinfo=UTC)
    assert (task.ended_at - task.scheduled_at).total_seconds() == 9.5


def test_a_synchronous_answer_is_read():
    choice = {"message": {"role": "assistant", "content": [{"image": "https://r.example/a.png", "type": "image"}]}}
    answer = {"output": {"choices": [choice, choice], "finished": True}, "usage": {"image_count": 2}}
    state = answers.finished(json.dumps(answer).encode())
    assert (state.status, [item.url for item in state.items]) == (TaskStatus.SUCCEEDED, ["https://r.example/a.png"] * 2)


def test_a_list_of_tasks_is_read():
    line = {"task_id": "a1", "status": "RUNNING", "model_name": "m", "gmt_create": 1_760_000_000_123}
    page = answers.page(json.dumps({"total": 1, "data": [line], "total_page": 3}).encode())
    assert page.pages == 3
    assert page.tasks[0].created_at == datetime.fromtimestamp(1_760_000_000.123, UTC)


@pytest.mark.parametrize("status", TaskStatus)
def test_every_status_is_over_or_not(status):
    waiting = status in ("PENDING", "RUNNING", "SUSPENDED", "OTHER")
    assert answers.task(data(task_status=status)).status.is_over is not waiting


def test_a_status_that_is_new_to_us_is_not_the_end():
    assert answers.task(data(task_status="ARCHIVING")).status is TaskStatus.OTHER
    line = {"task_id": "a1", "status": "ARCHIVING", "gmt_create": 1}
    assert answers.page(json.dumps({"data": [line]}).encode()).tasks[0].status is TaskStatus.OTHER


@pytest.mark.parametrize("status", [None, "ARCHIVING", 7])
def test_of_a_submit_only_the_id_has_to_be_right(status):
    assert answers.accepted(data(task_status=status, results=7)) == "0385dc79-5ff8"
    with pytest.raises(EditError, match="task_id is missing") as caught:
        answers.accepted(data(task_id=None))
    assert caught.value.again is Again.UNSURE


GOOD = {"url": "https://r.example/a.png"}
ODD = [
    (None, "an item of output.results is missing"),
    (1, "an item of output.results is of the wrong kind (int)"),
    ({}, "an item of output.results has neither url nor code"),
    ({"url": 7}, "an image's URL is of the wrong kind (int)"),
    ({"url": "file:///etc/passwd"}, 'an image\'s URL is "file:///etc/passwd"'),
    ({"url": "https://a b"}, 'an image\'s URL is "https://a b"'),
    ({"url": "https://a/图.png"}, 'an image\'s URL is "https://a/图.png"'),
    ({"url": "https://a:99999/b.png"}, 'an image\'s URL is "https://a:99999/b.png"'),
    ({"url": "https://[::1/b.png"}, 'an image\'s URL is "https://[::1/b.png"'),
    ({"url": "https:///b.png"}, 'an image\'s URL is "https:///b.png"'),
]


@pytest.mark.parametrize(("odd", "said"), ODD, ids=str)
def test_an_odd_item_costs_only_itself(odd, said):
    task = answers.task(data(results=[GOOD, odd, GOOD]))
    assert task.items == (Item(GOOD["url"]), Item(code=answers.BAD, message=said), Item(GOOD["url"]))


def test_an_item_with_words_alone_has_failed():
    assert answers.task(data(results=[{"message": "no"}])).items == (Item(code="TaskFailed", message="no"),)


@pytest.mark.parametrize("odd", [None, {}, {"message": 1}, {"message": {"content": "text"}}])
def test_an_odd_choice_costs_only_itself(odd):
    good = {"message": {"content": [{"image": GOOD["url"]}, {"text": "a remark"}]}}
    first, second, third = answers.task(data(choices=[good, odd, good])).items
    assert (first.url, second.code, third.url) == (GOOD["url"], answers.BAD, GOOD["url"])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20 18:05:30.5", datetime(2026, 11, 20, 10, 5, 30, 500_000, tzinfo=UTC)),
        ("2026-11-20T10:05:30Z", datetime(2026, 11, 20, 10, 5, 30, tzinfo=UTC)),
        ("2026-11-20T12:05:30+02:00", datetime(2026, 11, 20, 10, 5, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_chinas_unless_it_names_its_zone(text, moment):
    assert answers.task(data(submit_time=text)).submitted_at == moment


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        (b"<html>", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b'{"output": NaN}', "no JSON object"),
        (b'{"output": ' + b"9" * 5_000 + b"}", "no JSON object"),
        (b"{" + b" " * 10_000_001 + b"}", "over 10 MB"),
        (b"{}", "output is missing"),
        (b'{"output": []}', "output is of the wrong kind (list)"),
        (data(task_id=None), "task_id is missing"),
        (data(task_id="../../tasks"), 'task_id is "../../tasks"'),
        (data(task_id="a\x1b[2J"), 'task_id is "a\\x1b[2J"'),
        (data(task_status=None), "output.task_status is missing"),
        (data(results={}), "output.results is of the wrong kind (dict)"),
        (data(results=[{"url": "https://a"}] * 101), "has 101 entries"),
    ],
    ids=lambda value: value[:40] if type(value) is str else "",
)
def test_an_answer_that_makes_no_sense_is_said_so(raw, said):
    with pytest.raises(EditError, match=r"^BadAnswer: ") as caught:
        answers.task(raw)
    assert said in caught.value.message
    assert caught.value.again is Again.UNSURE


def test_odd_times_and_counts_cost_no_picture():
    odd = data(submit_time="yesterday", end_time=7, task_metrics=[], results=[{"url": "https://r.example/a.png"}])
    task = answers.task(odd)
    assert (task.submitted_at, task.ended_at, task.total, len(task.items)) == (None, None, None, 1)


@pytest.mark.parametrize("field", ["upload_host", "upload_dir", "policy", "signature", "oss_access_key_id"])
def test_leave_to_upload_must_be_whole(field):
    for value in (None, 7, "a\r\nb", ""):
        with pytest.raises(EditError, match=f"data.{field} is"):
            answers.policy(policy(**{field: value}))


@pytest.mark.parametrize("host", ["https://oss.example:99999", "https://[::1", "https://", "ftp://oss.example"])
def test_an_upload_goes_only_where_it_can(host):
    with pytest.raises(EditError, match=r"data\.upload_host is"):
        answers.policy(policy(upload_host=host))


def test_leave_to_upload_is_not_shown():
    assert "c2ln" not in repr(answers.policy(policy()))


FIELDS = ["output", "task_id", "task_status", "results", "choices", "message", "content", "image", "url", "code"]
FIELDS += ["usage", "image_count", "data", "status", "gmt_create", "submit_time", "task_metrics", "TOTAL", "total_page"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.sampled_from(FIELDS), inner),
    max_leaves=20,
)


@given(st.binary() | st.dictionaries(st.sampled_from(FIELDS), json_values).map(lambda v: json.dumps(v).encode()))
def test_whatever_comes_is_read_or_refused(raw):
    for read in (answers.task, answers.finished, answers.page, answers.policy):
        try:
            read(raw)
        except EditError as error:
            assert str(error).isprintable() and len(str(error)) < 300
    assert answers.refusal(raw).code.isprintable()


# -- verdicts

CODES = load("errors.json")["codes"]


def test_the_error_table_keeps_its_schema():
    jsonschema.Draft202012Validator(load("errors.schema.json")).validate(load("errors.json"))


@pytest.mark.parametrize("code", CODES)
def test_every_known_code_has_label_words_and_remedy(code):
    entry = CODES[code]
    error = judged(code, entry["messages"][0], Phase.TASK)
    assert (error.code, error.again) == (code, Again(entry["again"]))
    assert entry["remedy"] in error.message and entry["title"] in error.message
    assert entry["title"][0].islower() or entry["title"].startswith("API"), "a title goes on after the code"
    assert entry["remedy"].endswith(".")


@pytest.mark.parametrize("code", [code for code, entry in CODES.items() if entry["status"] >= 500])
def test_a_5xx_to_a_submit_is_sent_again_only_when_nothing_can_have_been_made(code):
    entry = CODES[code]
    expected = Again(entry.get("on_submit", entry["again"]))
    assert judged(code, "", Phase.SUBMIT, status=entry["status"]).again is expected
    assert expected in (Again.UNSURE, Again.SOON, Again.THROTTLED)


LABELS = [
    ("InternalError", "", Phase.SUBMIT, 500, Again.UNSURE),
    ("InternalError", "", Phase.QUERY, 500, Again.SOON),
    ("InternalError", "", Phase.TASK, 0, Again.SOON),
    ("InternalError.New", "", Phase.TASK, 0, Again.SOON),
    ("InternalError.New", "", Phase.SUBMIT, 500, Again.UNSURE),
    ("ModelServingError", "", Phase.SUBMIT, 503, Again.THROTTLED),
    ("Throttling.AllocationQuota", "Allocated quota exceeded, please increase", Phase.SUBMIT, 429, Again.THROTTLED),
    ("Throttling.AllocationQuota", "Free allocated quota exceeded.", Phase.SUBMIT, 429, Again.MODEL),
    ("Throttling.AllocationQuota", "Something new.", Phase.SUBMIT, 429, Again.THROTTLED),
    ("PrepaidBillOverdue", "", Phase.SUBMIT, 429, Again.ACCOUNT),
    ("Arrearage", "", Phase.SUBMIT, 400, Again.ACCOUNT),
    ("DataInspectionFailed", "", Phase.TASK, 0, Again.REFUSED),
    ("IPInfringementSuspect", "", Phase.SUBMIT, 400, Again.REFUSED),
    ("InvalidParameter", "url error, please check url!", Phase.SUBMIT, 400, Again.NEVER),
    ("InvalidParameter", "download image failed", Phase.TASK, 0, Again.SOON),
    ("Surprise", "", Phase.SUBMIT, 400, Again.NEVER),
    ("Surprise", "", Phase.SUBMIT, 401, Again.ACCOUNT),
    ("Surprise", "", Phase.SUBMIT, 408, Again.UNSURE),
    ("", "", Phase.SUBMIT, 425, Again.UNSURE),
    ("", "", Phase.QUERY, 408, Again.SOON),
    ("AllocationQuota.FreeTierOnly", "", Phase.SUBMIT, 403, Again.MODEL),
    ("Model.AccessDenied", "", Phase.SUBMIT, 403, Again.MODEL),
    ("AccessDenied.Unpurchased", "", Phase.SUBMIT, 403, Again.MODEL),
    ("Workspace.AccessDenied", "", Phase.SUBMIT, 403, Again.ACCOUNT),
    ("Surprise", "", Phase.SUBMIT, 429, Again.THROTTLED),
    ("Surprise", "", Phase.SUBMIT, 502, Again.UNSURE),
    ("Surprise", "", Phase.QUERY, 502, Again.SOON),
    ("Surprise", "", Phase.TASK, 0, Again.NEVER),
    ("", "", Phase.SUBMIT, 302, Again.NEVER),
    ("", "", Phase.SUBMIT, 504, Again.UNSURE),
]


@pytest.mark.parametrize(("code", "message", "phase", "status", "again"), LABELS)
def test_codes_are_judged_by_table_then_by_family_then_by_status(code, message, phase, status, again):
    error = judged(code, message, phase, status=status)
    assert error.again is again
    assert error.code == (code or f"HTTP{status}")


def test_the_service_is_quoted_printable_and_cut():
    message = judged("InvalidParameter", "\x1b[2J" + "x" * 5000, Phase.TASK).message
    assert message.isprintable() and len(message) < 500


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("1e9", 3600.0),
        ("nan", None),
        ("inf", None),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", None),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after(header, NOW) == seconds
