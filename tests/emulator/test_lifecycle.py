"""Tasks from submission to expiry, as the provider's pages describe the answers."""

import re

import pytest
from desk import ASYNC, EDIT, NOON, SHOP, SYNC, TEXT, Desk, edit, text

from wanflow.emulator.exchange import Request
from wanflow.emulator.tasks import Item, Outcome, failure


def test_create_answer_is_a_pending_task_and_a_request_id() -> None:
    said = Desk().submit(edit()).json()
    assert said.keys() == {"output", "request_id"}
    assert said["output"].keys() == {"task_id", "task_status"}
    assert said["output"]["task_status"] == "PENDING"


def test_task_runs_and_succeeds_after_its_service_time() -> None:
    desk = Desk()
    task = desk.task(edit())
    desk.work()
    assert desk.state(task) == "RUNNING"
    desk.now += 9.9
    assert desk.state(task) == "RUNNING"
    desk.now += 0.1
    assert desk.state(task) == "SUCCEEDED"


def test_task_waits_for_its_picture_when_painting_takes_longer_than_its_service_time() -> None:
    desk = Desk()
    task = desk.task(edit())
    desk.now += 30
    assert desk.state(task) == "RUNNING"
    desk.work()
    assert desk.state(task) == "SUCCEEDED"
    ended = desk.service.account.tasks[task].ended
    assert ended == desk.now


def test_success_has_times_results_metrics_and_usage() -> None:
    desk = Desk()
    task = desk.task(edit())
    desk.wait(12)
    said = desk.query(task)
    assert said["usage"] == {"image_count": 1}
    assert said["output"]["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    (result,) = said["output"]["results"]
    assert result.keys() == {"url"}
    for name in ("submit_time", "scheduled_time", "end_time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", said["output"][name])


def test_times_are_chinas_to_the_millisecond() -> None:
    desk = Desk()
    desk.now = 1_732_000_000.25 - 1  # 2024-11-19 07:06:40 UTC
    task = desk.task(edit())
    assert desk.query(task)["output"]["submit_time"] == "2024-11-19 15:06:40.250"


def test_failure_has_code_and_message_but_no_times_results_or_usage() -> None:
    desk = Desk()
    task = desk.task(edit())
    desk.work(failure("InvalidParameter", "download image failed"))
    said = desk.query(task)
    assert said.keys() == {"output", "request_id"}
    assert said["output"] == {
        "task_id": task,
        "task_status": "FAILED",
        "code": "InvalidParameter",
        "message": "download image failed",
        "task_metrics": {"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 1},
    }


def test_partial_failure_is_success_with_failed_items() -> None:
    desk = Desk()
    task = desk.task(text(n=2), TEXT)
    desk.work(Outcome((Item("results/a/0.png"), Item(code="InternalError.Timeout", message="late"))))
    desk.now += 10
    said = desk.query(task)
    assert said["output"]["task_status"] == "SUCCEEDED"
    assert said["output"]["task_metrics"] == {"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 1}
    assert said["output"]["results"][1] == {"code": "InternalError.Timeout", "message": "late"}
    assert said["usage"] == {"image_count": 1}


@pytest.mark.parametrize(("extend", "names"), [(True, {"orig_prompt", "actual_prompt"}), (False, {"orig_prompt"})])
def test_results_of_wan25_carry_the_prompts(extend: bool, names: set[str]) -> None:
    desk = Desk()
    task = desk.task(text("a cat", prompt_extend=extend, n=1), TEXT)
    desk.wait(12)
    (result,) = desk.query(task)["output"]["results"]
    assert result.keys() == names | {"url"}
    assert result["orig_prompt"] == "a cat"


@pytest.mark.parametrize("path", ["/tasks/none-such", "/tasks/none-such/"])
def test_unknown_task_is_unknown_with_status_200(path: str) -> None:
    response = Desk().send("GET", path)
    assert response.status == 200
    assert response.json()["output"] == {"task_id": "none-such", "task_status": "UNKNOWN"}


def test_task_and_its_picture_are_gone_after_24_hours() -> None:
    desk = Desk()
    task = desk.task(edit())
    desk.wait(12)
    url = desk.query(task)["output"]["results"][0]["url"]
    assert desk.get(url).status == 200
    desk.now = NOON + 24 * 3600 + 12
    assert desk.state(task) == "UNKNOWN"
    expired = desk.get(url)
    assert (expired.status, b"Request has expired." in expired.body) == (403, True)


def test_links_are_signed() -> None:
    desk = Desk()
    task = desk.task(edit())
    desk.wait(12)
    url = desk.query(task)["output"]["results"][0]["url"]
    assert desk.get(url).media_type == "image/png"
    changed = desk.get(url.replace("Expires=1", "Expires=2"))
    assert (changed.status, b"SignatureDoesNotMatch" in changed.body) == (403, True)
    assert desk.get(url.partition("?")[0]).status == 403


def test_half_a_character_in_a_prompt_breaks_nothing() -> None:
    desk = Desk()
    task = desk.task(b'{"model":"wan2.5-t2i-preview","input":{"prompt":"\\ud83d"},"parameters":{"n":1}}', TEXT)
    desk.wait(12)
    assert desk.query(task)["output"]["results"][0]["orig_prompt"] == "?"


def test_answers_carry_their_request_id_as_a_header_too() -> None:
    answer = Desk().submit(edit())
    assert answer.headers == {"x-request-id": answer.json()["request_id"]}


def test_what_exceeds_the_slots_waits_and_takes_a_freed_slot_at_once() -> None:
    desk = Desk()
    first, second, third = (desk.task(edit(prompt=str(n))) for n in range(3))
    assert [desk.state(task) for task in (first, second, third)] == ["RUNNING", "RUNNING", "PENDING"]
    desk.wait(60)
    account = desk.service.account
    assert account.tasks[third].started == account.tasks[first].ended
    assert desk.stats()["models"]["wanx2.1-imageedit"]["max_running"] == 2


def test_task_that_waits_starts_the_moment_a_slot_is_freed_even_if_nobody_asks_for_long() -> None:
    desk = Desk()
    tasks = [desk.task(edit(prompt=str(n))) for n in range(4)]
    desk.work()
    desk.now += 1000
    desk.state(tasks[0])
    began = [desk.service.account.tasks[task].started for task in tasks]
    assert began == [NOON + 1, NOON + 2, NOON + 11, NOON + 12]


def test_excess_can_be_refused() -> None:
    desk = Desk(refuse_excess=True)
    for number in range(2):
        desk.task(edit(prompt=str(number)))
    desk.now += 1
    refused = desk.submit(edit(prompt="third"))
    assert (refused.status, refused.json()["code"]) == (429, "Throttling.Concurrency")
    desk.wait(12)
    assert desk.submit(edit(prompt="third")).status == 200


def test_cancel_ends_a_waiting_task_and_says_only_a_request_id() -> None:
    desk = Desk()
    running, _, waiting = (desk.task(edit(prompt=str(n))) for n in range(3))
    said = desk.cancel(waiting)
    assert (said.status, said.json().keys()) == (200, {"request_id"})
    assert desk.state(waiting) == "CANCELED"
    refused = desk.cancel(running)
    assert refused.status == 400
    assert refused.json()["code"] == "UnsupportedOperation"
    assert refused.json()["message"] == "Failed to cancel the task, please confirm if the task is in PENDING status."
    desk.wait(60)
    assert desk.state(waiting) == "CANCELED"
    assert desk.stats()["images_billed"] == 2


def test_cancel_of_an_unknown_task_is_refused() -> None:
    assert Desk().cancel("none-such").json()["code"] == "UnsupportedOperation"


# -- the list


@pytest.mark.parametrize("path", ["/tasks", "/tasks/"])
def test_list_is_flat_and_newest_first(path: str) -> None:
    desk = Desk()
    first, second = desk.task(edit(prompt="1")), desk.task(text(), TEXT)
    said = desk.send("GET", path).json()
    assert said.keys() == {"total", "data", "total_page", "page_no", "page_size", "request_id"}
    assert [row["task_id"] for row in said["data"]] == [second, first]
    row = said["data"][1]
    assert row["user_api_unique_key"] == "apikey:v1:aigc:image2image:image-synthesis:wanx2.1-imageedit"
    assert (row["region"], row["status"], row["gmt_create"]) == ("cn-beijing", "RUNNING", int((NOON + 1) * 1000))


@pytest.mark.parametrize(
    ("query", "count", "rows"),
    [
        ({}, 12, 10),
        ({"page_no": "2"}, 12, 2),
        ({"page_size": "5", "page_no": "3"}, 12, 2),
        ({"status": "RUNNING"}, 2, 2),
        ({"status": "PENDING"}, 10, 10),
        ({"model_name": "wan2.5-t2i-preview"}, 0, 0),
        ({"task_id": "none-such"}, 0, 0),
        ({"start_time": "20261118190641", "end_time": "20261118190643"}, 3, 3),
    ],
)
def test_list_is_filtered_and_paged(query: dict[str, str], count: int, rows: int) -> None:
    desk = Desk()
    for number in range(12):
        desk.task(edit(prompt=str(number)))
    said = desk.send("GET", "/tasks", query=query).json()
    assert (said["total"], len(said["data"])) == (count, rows)


@pytest.mark.parametrize(
    "query",
    [
        {"start_time": "yesterday"},
        {"start_time": "20261101000000", "end_time": "20261103000000"},
        {"page_no": "0"},
        {"page_size": "many"},
    ],
)
def test_bad_list_query_is_refused(query: dict[str, str]) -> None:
    refused = Desk().send("GET", "/tasks", query=query)
    assert (refused.status, refused.json()["code"]) == (400, "InvalidParameter")


def test_expired_tasks_are_not_listed() -> None:
    desk = Desk()
    desk.task(edit())
    desk.now += 25 * 3600
    assert desk.send("GET", "/tasks").json()["total"] == 0


# -- the messages protocol


def shop(**parameters: object) -> dict[str, object]:
    return {"model": "wan2.6-t2i", "input": SHOP, "parameters": parameters}


def test_async_messages_answer_with_choices() -> None:
    desk = Desk()
    task = desk.task(shop(n=2), ASYNC)
    desk.wait(12)
    said = desk.query(task)
    assert said["output"]["finished"] is True
    assert "results" not in said["output"]
    images = [choice["message"]["content"][0] for choice in said["output"]["choices"]]
    assert [image["type"] for image in images] == ["image", "image"]
    assert desk.get(images[0]["image"]).status == 200
    assert said["usage"]["image_count"] == 2
    assert said["usage"]["size"] == "1280*1280"


def test_sync_call_is_held_until_its_task_has_ended_and_is_no_task_to_ask_for() -> None:
    desk = Desk()
    held = desk.send("POST", SYNC, shop(n=1))
    assert held.awaits
    assert desk.service.held(held.awaits, "http://emulator") is None
    desk.wait(12)
    response = desk.service.held(held.awaits, "http://emulator")
    assert response and response.status == 200
    said = response.json()
    assert said["output"].keys() == {"choices", "finished"}
    assert said["output"]["choices"][0]["finish_reason"] == "stop"
    assert said["usage"] == {
        "image_count": 1,
        "size": "1280*1280",
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
    }
    assert desk.state(held.awaits) == "UNKNOWN"
    assert desk.send("GET", "/tasks").json()["total"] == 0


def test_sync_call_that_fails_is_an_http_error() -> None:
    desk = Desk()
    held = desk.send("POST", SYNC, shop(n=1))
    assert held.awaits
    desk.work(failure("DataInspectionFailed", "Input data may contain inappropriate content."))
    response = desk.service.held(held.awaits, "http://emulator")
    assert response and response.status == 400
    assert response.json()["code"] == "DataInspectionFailed"


# -- n and bills


@pytest.mark.parametrize(
    ("values", "path", "count"),
    [
        ({"model": "wanx2.1-imageedit", "input": edit()["input"]}, EDIT, 1),
        ({"model": "wan2.5-t2i-preview", "input": {"prompt": "x"}}, TEXT, 4),
        ({"model": "wan2.6-t2i", "input": SHOP}, ASYNC, 4),
    ],
)
def test_default_number_of_images_is_the_models(values: dict[str, object], path: str, count: int) -> None:
    desk = Desk()
    task = desk.task(values, path)
    desk.wait(12)
    assert desk.query(task)["usage"]["image_count"] == count
    assert desk.stats()["images_billed"] == count


def test_cost_is_told_by_currency() -> None:
    desk = Desk()
    desk.task(edit())
    desk.task(text(n=3), TEXT)
    desk.wait(12)
    assert desk.stats()["cost"] == {"CNY": "0.74"}


def test_images_without_a_known_price_are_counted_as_such() -> None:
    desk = Desk(region="us-east-1")
    desk.task(shop(n=2), ASYNC)
    desk.wait(12)
    assert desk.stats()["cost"] == {"unknown": "2"}


def test_there_is_nothing_else() -> None:
    desk = Desk()
    for method, path in [("GET", EDIT), ("POST", "/tasks"), ("POST", "/services/aigc/video"), ("DELETE", "/tasks/a")]:
        assert desk.send(method, path).status == 404
    assert desk.service.handle(Request("GET", "/__emulator__/nothing"), desk.now).status == 404
