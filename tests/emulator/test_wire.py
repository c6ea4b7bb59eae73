"""Requests recorded from the official SDK are taken as they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from desk import KEY, ORIGIN, Desk

from wanflow.emulator.exchange import Request

RECORDED = sorted((Path(__file__).parent.parent / "wire").glob("*.json"))
REQUESTS = [
    pytest.param(request, id=f"{file.stem}-{number}")
    for file in RECORDED
    for number, request in enumerate(json.loads(file.read_text(encoding="utf-8"))["requests"])
    if "form" not in request
]
REFUSED = {
    # Made a FAILED task when it was recorded; today the service refuses such a size at once.
    "task_08_failed-0": "Either width or height should be between 512 and 1440. ",
    # A path that is no file on the client's machine is sent as if it were a URL.
    "upload_07_bare_missing_path_is_sent_as_is-0": "The request URL is invalid",
    # The task is another service's.
    "task_04_cancel_pending-1": "Failed to cancel the task",
}


@pytest.mark.parametrize("recorded", REQUESTS)
def test_recorded_request_is_taken(recorded: dict[str, Any], request: pytest.FixtureRequest) -> None:
    desk = Desk()
    headers = {name.lower(): value.replace("<redacted>", KEY) for name, value in recorded["headers"].items()}
    values = recorded.get("json")
    raw = b"" if values is None else json.dumps(values, ensure_ascii=False).encode()
    asked = Request(recorded["method"], recorded["path"], recorded["query"], headers, raw, origin=ORIGIN)
    response = desk.service.handle(asked, desk.now)
    if said := REFUSED.get(request.node.callspec.id):
        assert (response.status, response.json()["message"][: len(said)]) == (400, said)
    else:
        assert response.status == 200, response.body


def test_there_are_recorded_requests() -> None:
    assert len(REQUESTS) > 60
