"""What the provider answers, as values. What is missing or malformed is an EditError "BadAnswer", never a KeyError.

Strict in what decides (ids, states, URLs), lenient in what only informs (times, counts): a paid picture is not lost to
an odd date. Unknown fields are ignored. Texts are cut and made printable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from wanflow.errors import EditError
from wanflow.wire.reading import (
    as_list,
    as_map,
    bad,
    china_time,
    count,
    epoch_time,
    is_url,
    needed_map,
    optional_map,
    read,
    shown,
    text,
)

MAX_ITEMS = 100
BAD = "BadAnswer"
_CODE, _PROMPT = 100, 20_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class TaskStatus(StrEnum):
    """The provider's states of a task; UNKNOWN also means that it has expired, OTHER a state that is new to us."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"
    OTHER = "OTHER"

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be awaited."""
        return self not in (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUSPENDED, TaskStatus.OTHER)


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a task: its URL, or why it failed; `code` is BAD where the answer doesn't tell."""

    url: str = ""
    code: str = ""
    message: str = ""
    orig_prompt: str = ""
    actual_prompt: str = ""


@dataclass(frozen=True, slots=True)
class TaskState:
    """What is known of a task. `image_count` is what is billed, None when the answer doesn't say."""

    task_id: str
    status: TaskStatus
    items: tuple[Item, ...] = ()
    code: str = ""
    message: str = ""
    total: int | None = None
    image_count: int | None = None
    submitted_at: datetime | None = None
    scheduled_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedTask:
    """One line of the account's list of tasks."""

    task_id: str
    status: TaskStatus
    model: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of that list, and how many there are."""

    tasks: tuple[ListedTask, ...]
    pages: int


@dataclass(frozen=True, slots=True)
class Policy:
    """Leave to upload, for `expires_s` from the answer on. Its repr shows nothing, since whoever has it may write."""

    host: str
    upload_dir: str
    policy: str
    signature: str
    access_key_id: str
    object_acl: str
    forbid_overwrite: str
    expires_s: float
    max_bytes: int

    def __repr__(self) -> str:
        return "Policy(…)"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The body of an answer that says no; empty where it is not the provider's JSON."""

    code: str = ""
    message: str = ""


def accepted(data: bytes) -> str:
    """The id of the task that a submit made; it is paid, so nothing else of the answer has to be right.

    Raises EditError.
    """
    return _identity(needed_map(read(data), "output"))


def task(data: bytes) -> TaskState:
    """A task as a poll tells it. Raises EditError."""
    answer = read(data)
    output = needed_map(answer, "output")
    return TaskState(
        task_id=_identity(output),
        status=_status(output.get("task_status"), "output.task_status"),
        items=tuple(_items(output)),
        code=text(output.get("code")),
        message=text(output.get("message")),
        total=count(optional_map(output, "task_metrics").get("TOTAL")),
        image_count=count(optional_map(answer, "usage").get("image_count")),
        submitted_at=china_time(output.get("submit_time")),
        scheduled_at=china_time(output.get("scheduled_time")),
        ended_at=china_time(output.get("end_time")),
    )


def finished(data: bytes) -> TaskState:
    """The images of a synchronous answer, which has no task. Raises EditError."""
    answer = read(data)
    items = tuple(_items(needed_map(answer, "output")))
    return TaskState(
        "", TaskStatus.SUCCEEDED, items, image_count=count(optional_map(answer, "usage").get("image_count"))
    )


def page(data: bytes) -> Page:
    """A page of the list of tasks. Raises EditError."""
    answer = read(data)
    lines = as_list(answer.get("data"), "data", 10_000)
    tasks = [_listed(as_map(line, "data")) for line in lines]
    return Page(tuple(tasks), count(answer.get("total_page")) or 0)


def _listed(line: Mapping[str, Any]) -> ListedTask:
    status = _status(line.get("status"), "data.status")
    return ListedTask(_identity(line), status, text(line.get("model_name")), epoch_time(line.get("gmt_create")))


def policy(data: bytes) -> Policy:
    """Leave to upload. Raises EditError."""
    granted = needed_map(read(data), "data")

    def must(name: str, rule: re.Pattern[str] = re.compile(r"[!-~]{1,16000}")) -> str:
        value = granted.get(name)
        if not isinstance(value, str) or not rule.fullmatch(value):
            bad(f"data.{name} is {shown(value)}")
        return value

    if not is_url(host := must("upload_host")):
        bad(f"data.upload_host is {shown(host)}")
    return Policy(
        host=host,
        upload_dir=must("upload_dir", re.compile(r"[A-Za-z0-9._/-]{1,500}")),
        policy=must("policy"),
        signature=must("signature"),
        access_key_id=must("oss_access_key_id"),
        object_acl=must("x_oss_object_acl"),
        forbid_overwrite=must("x_oss_forbid_overwrite"),
        expires_s=float(count(granted.get("expire_in_seconds")) or 0),
        max_bytes=(count(granted.get("max_file_size_mb")) or 100) * 1_000_000,
    )


def refusal(data: bytes) -> Refusal:
    """Code and text of an answer that says no; raises nothing, since a proxy may have written it."""
    try:
        answer = read(data)
    except EditError:
        return Refusal()
    return Refusal(text(answer.get("code"), _CODE), text(answer.get("message")))


# -- parts


# An item that makes no sense is one that failed: it must not cost the others, which are paid.


def _items(output: Mapping[str, Any]) -> Iterator[Item]:
    if output.get("results") is not None:
        for entry in as_list(output["results"], "output.results", MAX_ITEMS):
            yield _item(entry)
    elif output.get("choices") is not None:
        for choice in as_list(output["choices"], "output.choices", MAX_ITEMS):
            yield from _contents(choice)


def _contents(choice: object) -> Iterator[Item]:
    message = optional_map(choice, "message") if isinstance(choice, dict) else {}
    contents = message.get("content")
    if not isinstance(contents, list) or len(contents) > MAX_ITEMS:
        yield Item(code=BAD, message="an item of output.choices has no list of contents")
        return
    for content in contents:
        if not isinstance(content, dict):
            yield Item(code=BAD, message=f"an image of output.choices is {shown(content)}")
        elif image := content.get("image"):
            yield _linked(image)


def _item(entry: object) -> Item:
    if not isinstance(entry, dict):
        return Item(code=BAD, message=f"an item of output.results is {shown(entry)}")
    prompts = {name: text(entry.get(name), _PROMPT) for name in ("orig_prompt", "actual_prompt")}
    if entry.get("url"):
        return _linked(entry["url"], **prompts)
    code, message = text(entry.get("code"), _CODE), text(entry.get("message"))
    if not code and not message:
        return Item(code=BAD, message="an item of output.results has neither url nor code", **prompts)
    return Item("", code or "TaskFailed", message, **prompts)


def _linked(value: object, **prompts: str) -> Item:
    if isinstance(value, str) and is_url(value):
        return Item(value, **prompts)
    return Item(code=BAD, message=f"an image's URL is {shown(value)}", **prompts)


def _identity(output: Mapping[str, Any]) -> str:
    value = output.get("task_id")
    if not isinstance(value, str) or not _ID.fullmatch(value):
        bad(f"task_id is {shown(value)}")
    return value


def _status(value: object, where: str) -> TaskStatus:
    if not isinstance(value, str) or not value:
        bad(f"{where} is {shown(value)}")
    try:
        return TaskStatus(value)
    except ValueError:
        return TaskStatus.OTHER
