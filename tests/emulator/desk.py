"""The emulator's core by hand: time that moves when told, ids that count, work that is done at once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from wanflow.emulator.chance import times
from wanflow.emulator.exchange import Form, Request, Response
from wanflow.emulator.faults import Faults, parse
from wanflow.emulator.options import Options
from wanflow.emulator.service import API, Service
from wanflow.emulator.state import Store
from wanflow.emulator.tasks import Item, Outcome, failure

KEY = "sk-test"
EDIT = "/services/aigc/image2image/image-synthesis"
TEXT = "/services/aigc/text2image/image-synthesis"
SYNC = "/services/aigc/multimodal-generation/generation"
ASYNC = "/services/aigc/image-generation/generation"
ORIGIN = "http://emulator"
NOON = 1_795_000_000.0

EXPAND = {"function": "expand", "prompt": "a wide meadow", "base_image_url": "https://example.com/a.png"}
SHOP = {"messages": [{"role": "user", "content": [{"text": "A flower shop"}]}]}


def body(model: str, wish: Mapping[str, Any], **parameters: Any) -> dict[str, Any]:
    """A submission's values."""
    return {"model": model, "input": dict(wish), "parameters": parameters}


def edit(**more: Any) -> dict[str, Any]:
    """An edit of wanx2.1-imageedit; what differs goes to its input."""
    return body("wanx2.1-imageedit", {**EXPAND, **more}, n=1)


def text(prompt: str = "x", model: str = "wan2.5-t2i-preview", **parameters: Any) -> dict[str, Any]:
    """A text to image of the old protocol."""
    return body(model, {"prompt": prompt}, **parameters)


class Desk:
    """Sends requests to a Service and keeps the time."""

    def __init__(
        self, faults: Sequence[Mapping[str, Any]] = (), *, seed: int = 0, state: Path | None = None, **options: Any
    ) -> None:
        self.now = NOON
        options.setdefault("service", times("fixed:10"))
        numbers = itertools.count(1)
        self.store = Store(state)
        wanted, _ = parse({"faults": list(faults)})
        ids = lambda: f"{next(numbers):08d}-0000-4000-8000-000000000000"  # noqa: E731 - counts across calls
        self.service = Service(Options(state=state, seed=seed, **options), self.store, Faults(wanted, seed), ids)

    def send(
        self, method: str, path: str, values: Any = None, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Response:
        """One request below /api/v1, with a key."""
        raw = values if isinstance(values, bytes) else json.dumps(values).encode() if values is not None else b""
        known = {"authorization": f"Bearer {KEY}"} if headers is None else dict(headers)
        return self.service.handle(
            Request(method, API + path, headers=known, body=raw, origin=ORIGIN, **more), self.now
        )

    def submit(self, values: Any, path: str = EDIT, **headers: str) -> Response:
        """An asynchronous submission."""
        known = {"authorization": f"Bearer {KEY}", "x-dashscope-async": "enable"}
        return self.send("POST", path, values, headers=known | headers)

    def task(self, values: Any, path: str = EDIT) -> str:
        """The id of a new task; a second passes first, so that no rate limit is met."""
        self.now += 1
        response = self.submit(values, path)
        assert response.status == 200, response.body
        return response.json()["output"]["task_id"]

    def query(self, task_id: str) -> dict[str, Any]:
        """What a poll says."""
        return self.send("GET", f"/tasks/{task_id}").json()

    def state(self, task_id: str) -> str:
        """A task's state."""
        return self.query(task_id)["output"]["task_status"]

    def cancel(self, task_id: str) -> Response:
        """Cancel a task."""
        return self.send("POST", f"/tasks/{task_id}/cancel")

    def upload(self, fields: Mapping[str, str], content: bytes) -> Response:
        """A multipart upload to the storage."""
        return self.service.handle(Request("POST", "/oss", form=Form(fields, content), origin=ORIGIN), self.now)

    def get(self, url: str) -> Response:
        """A download of one of the emulator's own links."""
        path, _, query = url.removeprefix(ORIGIN).partition("?")
        return self.service.handle(Request("GET", unquote(path), dict(parse_qsl(query)), origin=ORIGIN), self.now)

    def work(self, outcome: Outcome | None = None) -> None:
        """Do the work that is due: every image becomes some bytes, unless another outcome is given."""
        for task in self.service.account.due_work():
            names = [f"results/{task.id}/{place}.png" for place in range(task.n)]
            for name in names:
                self.service.storage.put_result(name, name.encode(), self.now)
            made = Outcome(tuple(Item(name) for name in names), size="1280*1280")
            if "failed" in task.fate:
                made = failure("InternalError", "as the fault wants it")
            self.service.account.worked(task, outcome or made, self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass, a second at a time, doing what is due."""
        end = self.now + seconds
        while self.now < end:
            self.work()
            self.now = min(self.now + 1, end)
            self.service.account.advance(self.now)
        self.work()

    def stats(self) -> dict[str, Any]:
        """GET /__emulator__/stats."""
        return self.service.handle(Request("GET", "/__emulator__/stats"), self.now).json()
