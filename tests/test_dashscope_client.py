"""The client against a mock service: what it sends, how it labels what goes wrong, and that the key stays inside."""

import asyncio
import base64
import hashlib
import json
import logging
import pickle
import subprocess
import sys
import traceback
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from dashscope_service import (
    BASE_URL,
    FILES,
    KEY,
    T2I,
    QuickClock,
    Service,
    answer,
    call,
    collected,
    performed,
    refused,
    state,
    submitted,
    succeeded,
    uploaded,
)
from fakes import picture
from projects import no_file_larger_than, png_that_claims

from wanflow.backends.dashscope import DashScope, Ticket
from wanflow.backends.dashscope.connection import KEEPALIVE_S, READ_S, SUBMIT_S
from wanflow.backends.dashscope.pictures import INLINE_BYTES
from wanflow.backends.dashscope.secret import Secret
from wanflow.errors import Again, EditError, StoreError, UsageError
from wanflow.model import Call
from wanflow.store.blobs import Blobs
from wanflow.store.uploads import Remembered

EDIT = "wanx2.1-imageedit"


@pytest.fixture
def service():
    return Service()


def work(service, store, do, **more):
    """What `do(client)` comes to; the client is closed."""

    async def all_of_it():
        client = service.client(store, **more)
        try:
            return await do(client)
        finally:
            await client.aclose()

    return asyncio.run(all_of_it())


def result_of(service, store, job=None, model=T2I, **more):
    wanted = replace(job or call(), model=model)
    return work(service, store, lambda client: performed(client, wanted), **more)


def failure(service, store, job=None, model=T2I, **more):
    with pytest.raises(EditError) as caught:
        result_of(service, store, job, model, **more)
    return caught.value


def file_input(folder, name="a.png", colour=1, **save):
    raw = picture(colour, **save)
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(raw)
    return str(path), hashlib.sha256(raw).hexdigest()


class StillClock(QuickClock):
    """Time that passes when it is told to."""

    passed_s = 0.0

    def monotonic(self):
        return self.passed_s


@pytest.fixture
def no_room(monkeypatch):
    """Every picture is uploaded, however small."""
    monkeypatch.setattr("wanflow.backends.dashscope.pictures.INLINE_BYTES", 0)


def test_a_call_becomes_a_task_and_its_picture_lies_in_the_store(service, tmp_path):
    result = result_of(service, tmp_path, call(n=1))
    assert service.kinds() == ["submit", "poll", "file"]
    assert (result.fidelity, result.task_id, result.billed, result.warnings) == ("real", "task-1", 1, ())
    (blob,) = result.blobs
    assert Blobs(tmp_path).read(blob.sha256) == picture(1)
    assert (blob.size, blob.format) == ((520, 520), "PNG")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [blob.sha256]


def test_only_the_service_itself_is_shown_the_key(service, tmp_path, no_room):
    job = Call("k", "wan/colorization", {}, {"image": file_input(tmp_path)})
    result_of(service, tmp_path, job, EDIT)
    keyed = {kind for kind, request in service.seen if request.headers.get("authorization") == f"Bearer {KEY}"}
    assert keyed == {"policy", "submit", "poll"}
    assert all("authorization" not in request.headers for kind in ("upload", "file") for request in service.sent(kind))


def test_a_workspace_is_named_in_the_header(service, tmp_path):
    result_of(service, tmp_path, workspace="ws-1")
    assert {request.headers.get("x-dashscope-workspace") for request in service.sent("submit")} == {"ws-1"}


def test_what_became_of_the_prompt_is_kept(service, tmp_path):
    item = {"url": f"{FILES}/a.png", "orig_prompt": "a house", "actual_prompt": "a red house"}
    service.script["poll"] = [state("SUCCEEDED", results=[item])]
    assert result_of(service, tmp_path).prompts == ("a red house",)


def test_a_protocol_with_choices_works_too(service, tmp_path):
    choice = {"message": {"content": [{"image": f"{FILES}/a.png"}]}}
    service.script["poll"] = [state("RUNNING"), state("SUCCEEDED", choices=[choice, choice])]
    result = result_of(service, tmp_path, call(n=3), "wan2.6-t2i")
    assert service.sent("submit")[0].url.path.endswith("/image-generation/generation")
    assert (len(result.blobs), result.warnings) == (2, ("1 of 3 images are missing in the answer",))


# -- how submits fail

SUBMIT_ANSWERS = [
    (refused(429, "Throttling.RateQuota", "Requests rate limit exceeded", {"retry-after": "7"}), Again.THROTTLED, 7.0),
    (refused(429, "Throttling.BurstRate"), Again.THROTTLED, None),
    (refused(429, "PostpaidBillOverdue"), Again.ACCOUNT, None),
    (refused(400, "Arrearage"), Again.ACCOUNT, None),
    (refused(401, "InvalidApiKey", "Invalid API-key provided."), Again.ACCOUNT, None),
    (refused(403, "AllocationQuota.FreeTierOnly"), Again.MODEL, None),
    (refused(400, "DataInspectionFailed"), Again.REFUSED, None),
    (refused(400, "InvalidParameter", "url error, please check url!"), Again.NEVER, None),
    (refused(500, "InternalError"), Again.UNSURE, None),
    (refused(500, "InternalError.Algo"), Again.SOON, None),
    (refused(503, "ModelServingError", "", {"retry-after": "3"}), Again.THROTTLED, 3.0),
    (httpx.Response(502, html="<html>bad gateway</html>"), Again.UNSURE, None),
    (httpx.Response(408), Again.UNSURE, None),
    (httpx.Response(302, headers={"location": "https://elsewhere.example"}), Again.NEVER, None),
    (httpx.Response(200, text="<html>sign in to the network</html>"), Again.UNSURE, None),
    (answer(code="InvalidParameter", message="odd gateways answer 200"), Again.UNSURE, None),
    (httpx.ConnectError("refused"), Again.SOON, None),
    (httpx.ConnectTimeout("slow"), Again.SOON, None),
    (httpx.PoolTimeout("full"), Again.SOON, None),
    (httpx.ProxyError("407"), Again.SOON, None),
    (httpx.WriteError("reset"), Again.UNSURE, None),
    (httpx.WriteTimeout("slow"), Again.UNSURE, None),
    (httpx.ReadError("reset"), Again.UNSURE, None),
    (httpx.ReadTimeout("slow"), Again.UNSURE, None),
    (httpx.RemoteProtocolError("closed"), Again.UNSURE, None),
    (httpx.DecodingError("no gzip"), Again.UNSURE, None),
]


@pytest.mark.parametrize(("reaction", "again", "wait_s"), SUBMIT_ANSWERS, ids=lambda value: str(value)[:40])
def test_a_submit_that_fails_says_whether_to_send_it_again(service, tmp_path, reaction, again, wait_s):
    service.script["submit"] = [reaction]
    error = failure(service, tmp_path)
    assert (error.again, error.retry_after_s) == (again, wait_s)
    assert service.kinds() == ["submit"], "nothing paid is repeated"


@pytest.mark.parametrize("status", [None, "ACCEPTED", 7])
def test_a_task_that_was_accepted_is_waited_for_whatever_state_is_told(service, tmp_path, status):
    service.script["submit"] = [answer(output={"task_id": "task-7", "task_status": status})]
    assert result_of(service, tmp_path).task_id == "task-7"


def test_a_submit_may_take_its_whole_time_to_answer_and_a_query_may_not(service, tmp_path):
    result_of(service, tmp_path)
    waits = {kind: service.sent(kind)[0].extensions["timeout"]["read"] for kind in ("submit", "poll")}
    assert waits == {"submit": SUBMIT_S, "poll": READ_S}


def test_an_address_that_nothing_can_be_sent_to_is_said_so(tmp_path):
    with pytest.raises(EditError, match="Look at the base URL") as caught:
        asyncio.run(sent_to("http://127.0.0.1:99999/api/v1", tmp_path))
    assert (caught.value.code, caught.value.again) == ("Unreachable", Again.NEVER)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("HTTP_PROXY", "ftp://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://127.0.0.1:notaport"),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named_before_anything_is_sent(tmp_path, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=rf"requests can't be sent: .*{variable}"):
        socket_client("https://api.example/api/v1", tmp_path).open()


def test_an_idle_connection_is_dropped_before_the_other_end_closes_it(service, tmp_path):
    async def do(client):
        return client._connection.open()._transport._pool._keepalive_expiry

    assert work(service, tmp_path, do, transport=None) == KEEPALIVE_S < 10


def test_a_model_of_another_region_is_refused_before_anything_is_sent(service, tmp_path):
    error = failure(service, tmp_path, model="wanx2.1-imageedit", region="singapore")
    assert (str(error), error.again) == (
        "ModelNotOffered: wanx2.1-imageedit is not offered in the region ap-southeast-1",
        Again.NEVER,
    )
    assert service.seen == []


def test_a_region_goes_by_its_city_too(service, tmp_path):
    assert service.client(tmp_path, region="singapore").region == "ap-southeast-1"
    with pytest.raises(UsageError, match="moon"):
        service.client(tmp_path, region="moon")


def test_a_model_has_its_regions_name_on_the_wire(service, tmp_path):
    result_of(service, tmp_path, model="wanx2.1-t2i-turbo", region="singapore")
    assert json.loads(service.sent("submit")[0].content)["model"] == "wan2.1-t2i-turbo"


def socket_client(base_url, store):
    return DashScope(base_url=base_url, key=KEY, region="beijing", workspace=None, store=store, clock=QuickClock())


def on_a_socket(serve, store):
    """The failure of a submit to a server of this machine; `serve(reader, writer)` is what it does."""

    async def all_of_it():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            await sent_to(f"http://127.0.0.1:{port}/api/v1", store)

    with pytest.raises(EditError) as caught:
        asyncio.run(all_of_it())
    return caught.value


async def sent_to(base_url, store):
    client = socket_client(base_url, store)
    try:
        await submitted(client, call())
    finally:
        await client.aclose()


def test_a_reset_after_the_body_was_taken_is_never_sent_again(tmp_path):
    async def serve(reader, writer):
        await reader.readuntil(b"}}")
        writer.transport.abort()

    assert on_a_socket(serve, tmp_path).again is Again.UNSURE


def test_a_port_where_nobody_listens_is_tried_again(tmp_path):
    with pytest.raises(EditError) as caught:
        asyncio.run(sent_to("http://127.0.0.1:9/api/v1", tmp_path))
    assert (caught.value.code, caught.value.again) == ("Unreachable", Again.SOON)


def test_a_proxy_that_is_set_is_used(tmp_path, monkeypatch):
    asked = []

    async def serve(reader, writer):
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def all_of_it():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await sent_to("http://api.example/api/v1", tmp_path)

    with pytest.raises(EditError, match="HTTP502"):
        asyncio.run(all_of_it())
    assert asked == [b"POST http://api.example/api/v1/services/aigc/text2image/image-synthesis HTTP/1.1\r\n"]


# -- how tasks end


def test_a_failed_poll_only_means_ask_again(service, tmp_path):
    service.script["poll"] = [
        refused(500, "InternalError"),
        refused(429, "Throttling.RateQuota", headers={"retry-after": "2"}),
        httpx.ReadError("reset"),
        httpx.ConnectError("down"),
        httpx.Response(502, html="<html>"),
        httpx.Response(200, text="no json"),
        state("PENDING"),
        state("UNKNOWN"),
        state("RUNNING"),
        state("ARCHIVING"),
        state("ARCHIVING"),
        state("ARCHIVING"),
        refused(404, "NotFound"),
        httpx.Response(200, text="no json"),
    ]
    assert result_of(service, tmp_path).billed == 1
    assert (service.submits, len(service.sent("poll"))) == (1, 15)


FAILED = [
    ("InternalError.Timeout", Again.SOON),
    ("DataInspectionFailed", Again.REFUSED),
    ("InvalidParameter", Again.NEVER),
    ("Throttling", Again.THROTTLED),
    ("Arrearage", Again.ACCOUNT),
    ("Unheard.Of", Again.NEVER),
]


@pytest.mark.parametrize(("code", "again"), FAILED)
def test_a_failed_task_is_labelled_by_its_code(service, tmp_path, code, again):
    service.script["poll"] = [state("FAILED", code=code, message="words")]
    error = failure(service, tmp_path)
    assert (error.code, error.again) == (code, again)
    assert '"words"' in error.message


def test_a_task_that_failed_without_a_code_is_named_all_the_same(service, tmp_path):
    service.script["poll"] = [state("FAILED")]
    assert failure(service, tmp_path).code == "TaskFailed"


def test_a_canceled_task_is_not_started_again(service, tmp_path):
    service.script["poll"] = [state("CANCELED")]
    error = failure(service, tmp_path)
    assert (error.code, error.again) == ("Canceled", Again.NEVER)


def test_a_task_unknown_within_its_day_is_lost(service, tmp_path):
    service.script["poll"] = [state("UNKNOWN")] * 3
    error = failure(service, tmp_path)
    assert (error.code, error.again) == ("TaskLost", Again.LOST)


def test_a_task_unknown_after_its_day_has_expired(service, tmp_path):
    service.script["poll"] = [state("UNKNOWN")] * 3

    async def do(client):
        day_before = QuickClock().now() - timedelta(hours=25)
        return await collected(client, Ticket("task-1", call(), T2I, day_before))

    with pytest.raises(EditError) as caught:
        work(service, tmp_path, do)
    assert (caught.value.code, caught.value.again) == ("TaskExpired", Again.LOST)


def test_a_task_that_is_still_at_work_is_waited_for_however_old_a_clock_that_was_set_makes_it(service, tmp_path):
    service.script["poll"] = [state("RUNNING")] * 3

    async def do(client):
        ticket = await client.submit(await client.prepare(call()))
        return await collected(client, replace(ticket, submitted_at=QuickClock().now() - timedelta(hours=52)))

    assert work(service, tmp_path, do).task_id


def test_a_task_of_which_no_sense_is_made_after_its_day_has_expired(service, tmp_path):
    service.script["poll"] = [httpx.Response(200, text="no json")] * 3

    async def do(client):
        return await collected(client, Ticket("task-1", call(), T2I, QuickClock().now() - timedelta(hours=25)))

    with pytest.raises(EditError) as caught:
        work(service, tmp_path, do)
    assert (caught.value.code, caught.value.again) == ("TaskExpired", Again.LOST)


def test_a_task_of_which_nothing_is_heard_for_a_day_has_expired(service, tmp_path):
    service.script["poll"] = [httpx.ConnectError("down")] * 100_000
    error = failure(service, tmp_path, clock=QuickClock(300_000))
    assert (error.code, error.again) == ("TaskExpired", Again.LOST)


def test_answers_that_never_make_sense_leave_the_task_to_be_asked_after_later(service, tmp_path):
    service.script["poll"] = [httpx.Response(200, text="no json")] * 3
    error = failure(service, tmp_path)
    assert (error.code, error.again) == ("BadAnswer", Again.UNSURE)


def test_a_key_that_is_withdrawn_ends_the_waiting_at_once(service, tmp_path):
    service.script["poll"] = [refused(401, "InvalidApiKey")]
    assert failure(service, tmp_path).again is Again.ACCOUNT
    assert len(service.sent("poll")) == 1


def test_a_bug_while_asking_is_told_to_whoever_waits(service, tmp_path):
    service.script["poll"] = [KeyError("a bug")]
    with pytest.raises(KeyError, match="a bug"):
        result_of(service, tmp_path)


def test_of_a_question_it_is_not_said_that_nothing_was_sent(service, tmp_path):
    service.script["list"] = [httpx.ConnectError("down")]
    now = QuickClock().now()
    with pytest.raises(EditError) as caught:
        work(service, tmp_path, lambda client: client.tasks(now, now + timedelta(hours=1)))
    assert caught.value.message.endswith("down. Look at the network and the base URL")


def test_silence_is_told_once(service, tmp_path):
    told = []
    service.script["poll"] = [httpx.ConnectError("down")] * 25
    result_of(service, tmp_path, note=told.append)
    assert len(told) == 1
    assert told[0].startswith("no answer about tasks for 30 s (Unreachable:")


def test_images_that_failed_are_told_with_their_codes(service, tmp_path):
    items = [{"url": f"{FILES}/a.png"}, {"code": "InternalError.Timeout", "message": "An internal timeout"}]
    service.script["poll"] = [state("SUCCEEDED", results=items)]
    result = result_of(service, tmp_path, call(n=2))
    assert (len(result.blobs), result.billed) == (1, 1)
    assert result.warnings[0].startswith("image 2 of 2 failed: InternalError.Timeout: the model took too long")


def test_a_task_all_of_whose_images_failed_has_failed(service, tmp_path):
    items = [{"code": "DataInspectionFailed", "message": "Output data may contain inappropriate content."}] * 2
    service.script["poll"] = [state("SUCCEEDED", results=items)]
    assert failure(service, tmp_path, call(n=2)).again is Again.REFUSED


def test_an_odd_image_costs_none_of_the_others(service, tmp_path):
    items = [{}, {"url": f"{FILES}/a.png"}, {"url": f"{FILES}:99999/b.png"}]
    service.script["poll"] = [state("SUCCEEDED", results=items)]
    result = result_of(service, tmp_path, call(n=3))
    assert (len(result.blobs), result.billed) == (1, 1)
    assert result.warnings[0].startswith("image 1 of 3 failed: BadAnswer: the service's answer makes no sense: ")
    assert len(result.warnings) == 2


def test_images_that_cannot_be_read_are_not_paid_again(service, tmp_path):
    service.script["poll"] = [state("SUCCEEDED", results=[{"code": "InternalError"}, {"url": "https://[::1"}])]
    error = failure(service, tmp_path, call(n=2))
    assert (error.code, error.again) == ("BadAnswer", Again.UNSURE)


def test_what_is_billed_is_what_the_service_says(service, tmp_path):
    body = {"task_id": "task-1", "task_status": "SUCCEEDED", "results": [{"url": f"{FILES}/a.png"}]}
    service.script["poll"] = [answer(output=body, usage={"image_count": 3})]
    assert result_of(service, tmp_path, call(n=3)).billed == 3


def test_a_task_that_failed_for_its_model_says_so_at_no_cost(service, tmp_path):
    service.script["poll"] = [state("FAILED", code="AllocationQuota.FreeTierOnly")]

    async def do(client):
        return await client.wait(await submitted(client, call()))

    ending = work(service, tmp_path, do)
    assert (ending.error.again, ending.billed) == (Again.MODEL, 0)


@pytest.mark.parametrize("code", ["Arrearage", "InternalError"])
def test_a_task_that_failed_is_at_its_end_whatever_its_code_says_of_the_account(service, tmp_path, code):
    service.script["poll"] = [state("FAILED", code=code)]

    async def do(client):
        return await client.wait(await submitted(client, call()))

    ending = work(service, tmp_path, do)
    assert (ending.error.code, ending.billed) == (code, 0)


def test_success_without_pictures_is_not_paid_again(service, tmp_path):
    service.script["poll"] = [state("SUCCEEDED", results=[])]
    assert failure(service, tmp_path).again is Again.UNSURE


def test_a_ticket_can_be_collected_again_after_a_crash(service, tmp_path):
    async def do(client):
        ticket = await submitted(client, call())
        return ticket, await collected(client, ticket)

    ticket, first = work(service, tmp_path, do)
    again = work(service, tmp_path, lambda client: collected(client, ticket))
    assert (again, service.submits) == (first, 1)


def test_two_may_wait_for_one_task_and_one_give_up(service, tmp_path):
    service.script["poll"] = [state("RUNNING") for _ in range(4)]

    async def do(client):
        ticket = await submitted(client, call())
        first, second = (asyncio.create_task(collected(client, ticket)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert work(service, tmp_path, do).billed == 1


def test_a_synchronous_answer_is_its_own_ticket(service, tmp_path, monkeypatch):
    monkeypatch.setattr("wanflow.backends.dashscope.client.preferred", lambda model: model.protocols[0])
    choice = {"message": {"content": [{"image": f"{FILES}/a.png"}]}}
    service.script["submit"] = [answer(output={"choices": [choice], "finished": True}, usage={"image_count": 1})]
    result = result_of(service, tmp_path, model="wan2.6-t2i")
    assert (service.kinds(), result.task_id, result.billed) == (["submit", "file"], None, 1)
    request = service.sent("submit")[0]
    assert request.url.path.endswith("/multimodal-generation/generation")
    assert "x-dashscope-async" not in request.headers


def test_a_synchronous_picture_that_is_gone_is_lost(service, tmp_path, monkeypatch):
    monkeypatch.setattr("wanflow.backends.dashscope.client.preferred", lambda model: model.protocols[0])
    choice = {"message": {"content": [{"image": f"{FILES}/a.png"}]}}
    service.script["submit"] = [answer(output={"choices": [choice]})]
    service.script["file"] = [httpx.Response(403)]
    assert failure(service, tmp_path, model="wan2.6-t2i").again is Again.LOST


# -- downloads


def sent(content, **headers):
    return httpx.Response(200, content=content, headers={"content-type": "image/png", **headers})


class Piecewise(httpx.AsyncByteStream):
    """A body that comes in pieces and may break off."""

    def __init__(self, *pieces):
        self.pieces = pieces

    async def __aiter__(self):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def piecewise(*pieces, **headers):
    return httpx.Response(200, headers={"content-type": "image/png", **headers}, stream=Piecewise(*pieces))


WHOLE = picture(1)
SPOILT = {
    "a raw error of the system": lambda: ConnectionResetError("reset"),
    "a raw error in the middle": lambda: piecewise(WHOLE[:100], ConnectionResetError("reset")),
    "a redirect to a port that can't be": lambda: httpx.Response(
        302, headers={"location": "https://files.example:99999"}
    ),
    "a redirect into one's own network": lambda: httpx.Response(302, headers={"location": "https://10.0.0.1/a.png"}),
    "a redirect to this machine": lambda: httpx.Response(302, headers={"location": "https://[::1]:8443/a.png"}),
    "a redirect to nothing": lambda: httpx.Response(302, headers={"location": "https://[::1"}),
    "cut short": lambda: piecewise(WHOLE[:100], **{"content-length": str(len(WHOLE))}),
    "cut short without a length": lambda: piecewise(WHOLE[:100]),
    "less than was announced": lambda: piecewise(WHOLE, **{"content-length": str(len(WHOLE) + 1)}),
    "reset": lambda: piecewise(WHOLE[:100], httpx.ReadError("reset")),
    "a web page": lambda: httpx.Response(200, html="<html>sign in</html>"),
    "an error as XML": lambda: httpx.Response(200, text="<Error/>", headers={"content-type": "application/xml"}),
    "no picture": lambda: sent(b"\x00" * 1000),
    "damaged in the middle": lambda: sent(WHOLE[:600] + bytes(64) + WHOLE[664:]),
    "nothing": lambda: sent(b""),
    "a bomb of pixels": lambda: sent(png_that_claims(30_000, 30_000)),
    "a bomb of pieces": lambda: sent(WHOLE[:33] + b"\0\0\0\0tEXt\x76\xf2\x86\x6a" * 20_000 + WHOLE[33:]),
    "too large by its header": lambda: piecewise(WHOLE, **{"content-length": "100000001"}),
    "a busy server": lambda: httpx.Response(503),
    "no connection": lambda: httpx.ConnectError("down"),
    "a redirect to an insecure address": lambda: httpx.Response(302, headers={"location": "http://files.example/a"}),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_download_is_fetched_again(service, tmp_path, spoilt):
    service.script["file"] = [spoilt(), spoilt()]
    result = result_of(service, tmp_path)
    assert Blobs(tmp_path).read(result.blobs[0].sha256) == WHOLE
    assert (len(service.sent("file")), service.submits) == (3, 1)
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_download_that_always_fails_is_never_paid_again(service, tmp_path, spoilt):
    service.script["file"] = [spoilt() for _ in range(5)]
    error = failure(service, tmp_path)
    assert (error.code, error.again) == ("DownloadFailed", Again.UNSURE)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def four_with_one(service, reaction):
    """Four pictures, of which one comes otherwise however often it is asked for."""

    def react(request):
        if request.url.path == "/2.png":
            service.seen.append(("file", request))
            return reaction()
        return service.react(request)

    service.script["poll"] = [succeeded(*(f"{FILES}/{number}.png" for number in range(4)))] * 9
    return httpx.MockTransport(react)


@pytest.mark.parametrize("spoilt", ["damaged in the middle", "nothing", "too large by its header"])
def test_one_picture_that_can_not_be_used_costs_only_itself(service, tmp_path, spoilt):
    transport = four_with_one(service, SPOILT[spoilt])
    result = result_of(service, tmp_path, call(n=4), transport=transport)
    assert (len(result.blobs), result.billed) == (3, 4)
    [warning] = result.warnings
    assert warning.startswith("image 3 of 4 is missing, and billed all the same: DownloadFailed: ")


def test_one_picture_that_is_gone_costs_only_itself(service, tmp_path):
    result = result_of(service, tmp_path, call(n=4), transport=four_with_one(service, lambda: httpx.Response(404)))
    assert (len(result.blobs), len(result.warnings)) == (3, 1)


@pytest.mark.parametrize("spoilt", ["cut short", "a busy server", "a web page"])
def test_one_picture_that_may_come_next_time_is_waited_for(service, tmp_path, spoilt):
    transport = four_with_one(service, SPOILT[spoilt])
    error = failure(service, tmp_path, call(n=4), transport=transport)
    assert (error.code, error.again) == ("DownloadFailed", Again.UNSURE)


def test_pictures_are_asked_for_uncompressed(service, tmp_path):
    result_of(service, tmp_path)
    assert service.sent("file")[0].headers["accept-encoding"] == "identity"


def test_a_query_that_fails_after_success_never_pays_again(service, tmp_path):
    service.script["poll"] = [succeeded(f"{FILES}/old.png"), *[refused(500, "InternalError")] * 10]
    service.script["file"] = [httpx.Response(403)]
    error = failure(service, tmp_path)
    assert (error.code, error.again) == ("InternalError", Again.UNSURE)


def test_a_body_without_end_is_stopped(service, tmp_path, monkeypatch):
    monkeypatch.setattr("wanflow.backends.dashscope.download.MAX_BYTES", 1000)
    service.script["file"] = [piecewise(*[b"\x89PNG" * 200] * 3) for _ in range(5)]
    assert "it has over" in failure(service, tmp_path).message


def test_a_url_that_expired_is_asked_for_anew(service, tmp_path):
    service.script["poll"] = [succeeded(f"{FILES}/old.png"), succeeded(f"{FILES}/new.png")]
    service.script["file"] = [httpx.Response(403)]
    result_of(service, tmp_path)
    assert [request.url.path for request in service.sent("file")] == ["/old.png", "/new.png"]


def test_a_url_that_stays_gone_leaves_the_task_to_be_collected_later(service, tmp_path):
    service.script["file"] = [httpx.Response(404) for _ in range(5)]
    error = failure(service, tmp_path)
    assert (error.code, error.again) == ("ResultGone", Again.UNSURE)


def test_a_task_that_vanishes_before_its_picture_was_fetched_is_lost(service, tmp_path):
    service.script["poll"] = [succeeded(f"{FILES}/old.png"), state("UNKNOWN")]
    service.script["file"] = [httpx.Response(403)]
    assert failure(service, tmp_path).code == "TaskLost"


def test_redirects_of_a_picture_are_followed(service, tmp_path):
    service.script["file"] = [httpx.Response(302, headers={"location": "https://other.example/b.png"})]
    result_of(service, tmp_path)
    assert [request.url.host for request in service.sent("file")] == ["files.example", "other.example"]


def test_a_store_that_cannot_be_written_is_said_so(service, tmp_path):
    (tmp_path / "objects").write_text("a file stands in the way")
    error = failure(service, tmp_path)
    assert (error.code, error.again) == ("StoreNotWritten", Again.UNSURE)
    assert error.message == f"{tmp_path}/objects can't be written: File exists"


def test_a_disk_that_fills_up_during_a_download_is_said_so_and_the_task_can_be_collected_again(service, tmp_path):
    with no_file_larger_than(500):
        error = failure(service, tmp_path)
    assert (error.code, error.again) == ("StoreNotWritten", Again.UNSURE)
    assert error.message == f"{tmp_path} has no room left (File too large); make room there"
    assert (len(service.sent("file")), service.submits) == (1, 1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# -- pictures on their way to the service


def large(folder, name="large.bmp"):
    # BMP is not compressed, so its size is known.
    from PIL import Image

    path = folder / name
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (1600, 1600), (len(name), 10, 20)).save(path)
    assert path.stat().st_size > INLINE_BYTES
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


def inputs_of(request):
    return json.loads(request.content)["input"]


def test_small_files_travel_within_the_request(service, tmp_path):
    place = file_input(tmp_path)
    result_of(service, tmp_path, Call("k", "wan/colorization", {}, {"image": place}), EDIT)
    url = inputs_of(service.sent("submit")[0])["base_image_url"]
    assert url.startswith("data:image/png;base64,")
    assert base64.b64decode(url.partition(",")[2]) == picture(1)
    assert "x-dashscope-ossresourceresolve" not in service.sent("submit")[0].headers


def test_a_public_url_is_sent_as_it_is(service, tmp_path):
    url = "https://photos.example/a.png?token=1"
    result_of(service, tmp_path, Call("k", "wan/i2i", {"prompt": "p"}, {"images.0": (url, "")}), "wan2.5-i2i-preview")
    assert inputs_of(service.sent("submit")[0])["images"] == [url]


def test_large_files_are_uploaded_once_per_model_and_named_by_content(service, tmp_path):
    image = large(tmp_path)
    job = Call("k", "wan/colorization", {}, {"image": image}, model=EDIT)

    async def do(client):
        await asyncio.gather(submitted(client, job), submitted(client, job))
        return await submitted(client, job)

    work(service, tmp_path, do)
    assert (len(service.sent("policy")), len(service.sent("upload"))) == (1, 1)
    address = f"oss://dashscope-instant/0a/2025-11-20/place-1/{image[1]}.bmp"
    assert {inputs_of(request)["base_image_url"] for request in service.sent("submit")} == {address}
    assert {request.headers["x-dashscope-ossresourceresolve"] for request in service.sent("submit")} == {"enable"}
    assert dict(service.sent("policy")[0].url.params) == {"action": "getPolicy", "model": EDIT}


def test_two_files_of_one_name_never_meet(service, tmp_path, no_room):
    one, two = file_input(tmp_path / "a", "img.png", 1), file_input(tmp_path / "b", "img.png", 2)
    inputs = {"images.0": one, "images.1": two}
    result_of(service, tmp_path, Call("k", "wan/i2i", {"prompt": "p"}, inputs), "wan2.5-i2i-preview")
    urls = inputs_of(service.sent("submit")[0])["images"]
    assert [url.rpartition("/")[2] for url in urls] == [f"{one[1]}.png", f"{two[1]}.png"]


def test_pictures_of_one_request_share_the_room_within_it(service, tmp_path, monkeypatch):
    first, second = file_input(tmp_path, "a.png", 1), file_input(tmp_path, "b.png", 2, size=(800, 800))
    monkeypatch.setattr("wanflow.backends.dashscope.pictures.INLINE_BYTES", len(picture(1)) + 10)
    job = Call("k", "wan/i2i", {"prompt": "p"}, {"images.0": second, "images.1": first})
    result_of(service, tmp_path, job, "wan2.5-i2i-preview")
    schemes = [url.partition(":")[0] for url in inputs_of(service.sent("submit")[0])["images"]]
    assert schemes == ["oss", "data"]


@pytest.mark.parametrize(
    ("reactions", "policies"),
    [
        ([httpx.Response(409)], 1),  # it lies there already
        ([httpx.Response(403, text="<Code>AccessDenied</Code>")], 2),  # leave to upload has expired
    ],
)
def test_an_upload_gets_over_what_is_harmless(service, tmp_path, no_room, reactions, policies):
    service.script["upload"] = reactions
    result_of(service, tmp_path, Call("k", "wan/colorization", {}, {"image": file_input(tmp_path)}), EDIT)
    assert len(service.sent("policy")) == policies


UPLOADS = [
    ({"upload": [httpx.Response(500)]}, Again.SOON),
    ({"upload": [httpx.ReadError("reset")]}, Again.SOON),
    ({"upload": [httpx.Response(400)]}, Again.NEVER),
    ({"upload": [httpx.Response(403), httpx.Response(403)]}, Again.NEVER),
    ({"policy": [refused(500, "InternalError")]}, Again.SOON),
    ({"policy": [refused(429, "Throttling")]}, Again.THROTTLED),
    ({"policy": [refused(401, "InvalidApiKey")]}, Again.ACCOUNT),
]


@pytest.mark.parametrize(("script", "again"), UPLOADS)
def test_an_upload_that_fails_costs_nothing(service, tmp_path, no_room, script, again):
    service.script.update(script)
    error = failure(service, tmp_path, Call("k", "wan/colorization", {}, {"image": file_input(tmp_path)}), EDIT)
    assert (error.again, service.submits) == (again, 0)


def test_pictures_of_a_task_that_failed_are_uploaded_anew(service, tmp_path, no_room):
    job = Call("k", "wan/colorization", {}, {"image": file_input(tmp_path)}, model=EDIT)
    service.script["poll"] = [state("FAILED", code="InvalidParameter.DataInspection", message="Unable to download")]

    async def do(client):
        with pytest.raises(EditError):
            await collected(client, await submitted(client, job))
        return await submitted(client, job)

    work(service, tmp_path, do)
    lying = [uploaded(request) for request in service.sent("upload")]
    urls = [inputs_of(request)["base_image_url"] for request in service.sent("submit")]
    assert urls == [f"oss://{key}" for key in lying]
    assert len({*urls}) == 2, "what lies at the old place can't be written over"


def mask_job(folder):
    image = file_input(folder)
    return Call("k", "wan/description_edit_with_mask", {"prompt": "p"}, {"image": image, "mask": image}, model=EDIT)


def test_a_file_that_is_picture_and_mask_is_sent_as_both(service, tmp_path, no_room):
    result_of(service, tmp_path, mask_job(tmp_path), EDIT)
    assert len({uploaded(request) for request in service.sent("upload")}) == 2
    assert sum(picture(1) in request.content for request in service.sent("upload")) == 1, "the mask is black or white"


@pytest.mark.parametrize(("hours", "uploads"), [(46.9, 1), (47.1, 2)])
def test_an_upload_is_used_for_less_than_its_two_days(service, tmp_path, no_room, hours, uploads):
    clock = StillClock()

    async def do(client):
        job = Call("k", "wan/colorization", {}, {"image": file_input(tmp_path)}, model=EDIT)
        await client.prepare(job)
        clock.passed_s += hours * 3600
        await client.prepare(job)

    work(service, tmp_path, do, clock=clock)
    assert len(service.sent("upload")) == uploads


@pytest.mark.parametrize(("seconds", "policies"), [(269, 1), (271, 2)])
def test_leave_to_upload_is_asked_for_anew_before_it_ends(service, tmp_path, no_room, seconds, policies):
    clock = StillClock()

    async def do(client):
        for name in "ab":
            job = Call("k", "wan/colorization", {}, {"image": file_input(tmp_path, name, name)}, model=EDIT)
            await client.prepare(job)
            clock.passed_s += seconds

    work(service, tmp_path, do, clock=clock)
    assert len(service.sent("policy")) == policies


def test_uploads_can_be_remembered_from_outside(service, tmp_path, no_room):
    image = file_input(tmp_path)
    kept = Remembered()
    asyncio.run(kept.keep(EDIT, image[1], "oss://kept/a.bmp", QuickClock().now() + timedelta(hours=1)))
    result_of(service, tmp_path, Call("k", "wan/colorization", {}, {"image": image}), EDIT, uploads=kept)
    assert inputs_of(service.sent("submit")[0])["base_image_url"] == "oss://kept/a.bmp"


def test_what_the_service_says_is_told_though_an_upload_can_not_be_forgotten(service, tmp_path, no_room):
    class Full(Remembered):
        async def forget(self, model, picture):
            raise StoreError("no room")

    service.script["submit"] = [refused(400, "InvalidParameter", "no such image")]
    job = Call("k", "wan/colorization", {}, {"image": file_input(tmp_path)}, model=EDIT)
    assert failure(service, tmp_path, job, EDIT, uploads=Full()).code == "InvalidParameter"


def test_a_picture_that_changed_meanwhile_is_not_sent(service, tmp_path):
    path, _ = file_input(tmp_path)
    error = failure(service, tmp_path, Call("k", "wan/colorization", {}, {"image": (path, "0" * 64)}), EDIT)
    assert (error.code, service.seen) == ("InputChanged", [])


# -- cancel and list


def test_a_waiting_task_is_canceled(service, tmp_path):
    ticket = Ticket("task-9", call(), T2I, QuickClock().now())
    assert work(service, tmp_path, lambda client: client.cancel(ticket)) is True
    assert service.sent("cancel")[0].url == f"{BASE_URL}/tasks/task-9/cancel"


def test_a_task_that_is_worked_on_is_not_canceled(service, tmp_path):
    service.script["cancel"] = [refused(400, "UnsupportedOperation", "Failed to cancel the task")]
    ticket = Ticket("task-9", call(), T2I, QuickClock().now())
    assert work(service, tmp_path, lambda client: client.cancel(ticket)) is False


def listed(*ids, pages):
    lines = [{"task_id": name, "status": "RUNNING", "model_name": T2I, "gmt_create": 1} for name in ids]
    return answer(data=lines, total_page=pages)


def test_tasks_are_listed_page_by_page_and_day_by_day(service, tmp_path):
    service.script["list"] = [listed("a", "b", pages=2), listed("c", pages=2), listed("c", "d", pages=1)]
    since = QuickClock().start
    found = work(service, tmp_path, lambda client: client.tasks(since, since + timedelta(hours=30), T2I))
    assert [task.task_id for task in found] == ["a", "b", "c", "d"]
    queries = [dict(request.url.params) for request in service.sent("list")]
    assert [(q["page_no"], q["start_time"]) for q in queries] == [
        ("1", "20261120200000"),
        ("2", "20261120200000"),
        ("1", "20261121195959"),
    ]
    assert {query["model_name"] for query in queries} == {T2I}


def test_a_list_too_long_to_be_read_is_never_taken_for_whole(service, tmp_path, monkeypatch):
    monkeypatch.setattr("wanflow.backends.dashscope.client.MAX_PAGES", 2)
    service.script["list"] = [listed("a", pages=3), listed("b", pages=3)]
    since = QuickClock().start
    with pytest.raises(EditError, match="TooManyTasks: the account has more than 100 tasks in a day"):
        work(service, tmp_path, lambda client: client.tasks(since, since + timedelta(hours=1), T2I))


# -- the key


def told(error):
    """Everything that an exception could show, with all that hangs on it."""
    seen, chain = [], [error]
    while chain:
        one = chain.pop()
        seen += [str(one), repr(one), repr(one.args), repr(vars(one)), pickle.dumps(one).decode("latin-1")]
        seen += [str(getattr(one, "request", "")), *traceback.format_exception(one)]
        chain += [other for other in (one.__cause__, one.__context__) if other is not None]
    return "\n".join(seen)


def echo(request):
    """A service that quotes the key that it was shown."""
    shown = request.headers.get("authorization", "")
    return refused(401, f"Bad{shown}", f"Incorrect API key provided: {shown}")


@pytest.mark.parametrize("kind", ["submit", "poll", "policy", "upload", "file"])
@pytest.mark.parametrize(
    "reaction", [echo, httpx.ReadError(f"while sending {KEY}"), httpx.Response(200, text=f'{{"output": "{KEY}"}}')]
)
def test_the_key_appears_nowhere(service, tmp_path, no_room, caplog, kind, reaction):
    caplog.set_level(logging.DEBUG)
    notes = []
    service.script[kind] = [reaction] * 30
    job = Call("k", "wan/colorization", {}, {"image": file_input(tmp_path)})
    try:
        result_of(service, tmp_path, job, EDIT, note=notes.append)
    except EditError as error:
        text = told(error)
    else:
        text = ""
    assert KEY not in text + caplog.text + "".join(notes)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def test_the_key_is_in_no_repr(service, tmp_path):
    client = service.client(tmp_path)
    shown = [repr(client), repr(vars(client)), repr(vars(client._connection)), str(Secret(KEY)), f"{Secret(KEY)}"]
    assert not any(KEY in text for text in shown)
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(Secret(KEY))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "none of DashScope's"),
        ("sk-", "none of DashScope's"),
        ("sk-秘密abc", "none of DashScope's"),
        ("LTAI5tabc", "none of DashScope's"),
        ("sk-abc\n", "blanks or line ends"),
        (" sk-abc", "blanks or line ends"),
        ("sk-abc\u00a0", "blanks or line ends"),
        ("sk- abc", "blanks or line ends"),
        ('"sk-abc"', "quotes"),
        ("'sk-abc'", "quotes"),
        ('sk-abc"', "quotes"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(text, said):
    with pytest.raises(UsageError, match=f"the key holds .*{said}|the key is {said}") as caught:
        Secret(text, "the key")
    assert "abc" not in str(caught.value)


def test_naming_the_client_loads_no_http(tmp_path):
    program = "import sys, wanflow.backends.dashscope; print('httpx' in sys.modules, 'PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
