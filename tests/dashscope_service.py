"""A provider in a few lines, for a mock transport: it does as it should unless a script says otherwise."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fakes import picture

from wanflow.backends.dashscope import DashScope, Ticket
from wanflow.model import Call, Result

KEY = "sk-0123456789abcdef-never-shown"
BASE_URL = "https://api.example/api/v1"
FILES = "https://files.example"


class QuickClock:
    """Time that passes a thousand times as fast, from a fixed moment on."""

    def __init__(self, speed: float = 1000.0) -> None:
        self.speed, self._began = speed, time.monotonic()
        self.start = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


def answer(status: int = 200, headers: dict[str, str] | None = None, **values: Any) -> httpx.Response:
    return httpx.Response(status, headers=headers, json=values)


def refused(status: int, code: str, message: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
    return answer(status, headers, code=code, message=message, request_id="r")


def state(status: str, task_id: str = "task-1", **output: Any) -> httpx.Response:
    return answer(output={"task_id": task_id, "task_status": status, **output}, request_id="r")


def succeeded(*urls: str, task_id: str = "task-1", **more: Any) -> httpx.Response:
    return state("SUCCEEDED", task_id, results=[{"url": url} for url in urls], **more)


Reaction = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Service:
    """Answers requests; `script[kind]` holds what the next requests of a kind get instead of the usual."""

    def __init__(self) -> None:
        self.script: dict[str, list[Reaction]] = defaultdict(list)
        self.seen: list[tuple[str, httpx.Request]] = []
        self.submits, self.policies = 0, 0
        self.lying: set[str] = set()

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.react)

    def client(self, store: Path, **more: Any) -> DashScope:
        settings = {"base_url": BASE_URL, "key": KEY, "region": "beijing", "workspace": None, "clock": QuickClock()}
        return DashScope(**{**settings, "store": store, "transport": self.transport(), **more})

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.seen]

    def sent(self, kind: str) -> list[httpx.Request]:
        return [request for name, request in self.seen if name == kind]

    def react(self, request: httpx.Request) -> httpx.Response:
        kind = _kind(request)
        self.seen.append((kind, request))
        usual: dict[str, Callable[[httpx.Request], httpx.Response]] = {
            "submit": self._submit,
            "poll": lambda request: succeeded(f"{FILES}/{task_of(request)}.png", task_id=task_of(request)),
            "cancel": lambda request: answer(request_id="r"),
            "list": lambda request: answer(data=[], total=0, total_page=0, page_no=1, page_size=10),
            "policy": self._policy,
            "upload": self._upload,
            "file": lambda request: httpx.Response(200, content=picture(1), headers={"content-type": "image/png"}),
        }
        script = self.script[kind]
        reaction = script.pop(0) if script else usual[kind]
        if isinstance(reaction, Exception):
            raise reaction
        return reaction if isinstance(reaction, httpx.Response) else reaction(request)

    def _policy(self, request: httpx.Request) -> httpx.Response:
        self.policies += 1
        return httpx.Response(200, content=_policy(f"dashscope-instant/0a/2025-11-20/place-{self.policies}"))

    def _upload(self, request: httpx.Request) -> httpx.Response:
        """Nothing is written over."""
        key = uploaded(request)
        status = 409 if key in self.lying else 200
        self.lying.add(key)
        return httpx.Response(status)

    def _submit(self, request: httpx.Request) -> httpx.Response:
        self.submits += 1
        return state("PENDING", f"task-{self.submits}")


def task_of(request: httpx.Request) -> str:
    return request.url.path.split("/")[4]


def _kind(request: httpx.Request) -> str:
    path, host = request.url.path, request.url.host
    if host == "oss.example":
        return "upload"
    if host != "api.example":
        return "file"
    if "/services/" in path:
        return "submit"
    if path.endswith("/cancel"):
        return "cancel"
    if path.endswith("/uploads"):
        return "policy"
    return "list" if path.endswith("/tasks") else "poll"


def uploaded(request: httpx.Request) -> str:
    """Where an upload wants to lie."""
    found = re.search(rb'name="key"\r\n\r\n([^\r]+)', request.read())
    assert found
    return found[1].decode()


def _policy(place: str) -> bytes:
    data = {
        "policy": "cA==",
        "signature": "c2ln",
        "upload_dir": place,
        "upload_host": "https://oss.example",
        "expire_in_seconds": 300,
        "max_file_size_mb": 100,
        "oss_access_key_id": "id",
        "x_oss_object_acl": "private",
        "x_oss_forbid_overwrite": "true",
    }
    return json.dumps({"data": data}).encode()


T2I = "wan2.5-t2i-preview"


def call(function: str = "wan/t2i", model: str = T2I, **parameters: Any) -> Call:
    return Call("key", function, {"prompt": "a house", **parameters}, {}, model=model)


async def submitted(client: DashScope, call: Call) -> Ticket:
    return await client.submit(await client.prepare(call))


async def collected(client: DashScope, ticket: Ticket) -> Result:
    """What a task comes to: its pictures, or the error that ended it."""
    ending = await client.wait(ticket)
    if ending.error:
        raise ending.error
    return await client.fetch(ticket, ending)


async def performed(client: DashScope, call: Call) -> Result:
    return await collected(client, await submitted(client, call))
