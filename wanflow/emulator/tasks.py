"""The provider's tasks: PENDING -> RUNNING -> SUCCEEDED, FAILED or CANCELED, and how answers show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

# The service writes China's time whatever the region.
CHINA = timezone(timedelta(hours=8))


class State(StrEnum):
    """A task's state, in the provider's words."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Item:
    """One wanted image: the name it is stored under, or why there is none."""

    name: str = ""
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the work on a task gave: an item per image, or the error that ended it; `size` is "W*H"."""

    items: tuple[Item, ...] = ()
    code: str = ""
    message: str = ""
    size: str = ""

    @property
    def images(self) -> int:
        """How many images are billed."""
        return sum(1 for item in self.items if item.name)


def failure(code: str, message: str) -> Outcome:
    """The outcome of a task that failed as a whole."""
    return Outcome(code=code, message=message)


@dataclass(frozen=True, slots=True)
class Order:
    """What a submission asks for, defaults filled in: images by slot (image, mask, images.0), still as URLs.

    `resolve` allows oss:// URLs; `refused` is the (code, text) that the task will fail with.
    """

    function: str
    prompt: str
    negative_prompt: str
    parameters: Mapping[str, Any]
    images: tuple[tuple[str, str], ...]
    resolve: bool = False
    refused: tuple[str, str] | None = None


@dataclass(slots=True)
class Task:
    """One task: what was asked, when (seconds since 1970 by the emulated clock), and what came of it.

    `outcome` may be there before the task has ended: its service time still runs.
    """

    id: str
    request_id: str
    model: str
    protocol: str
    digest: str
    order: Order
    n: int
    submitted: float
    service_s: float
    state: State = State.PENDING
    started: float | None = None
    due: float | None = None
    ended: float | None = None
    outcome: Outcome | None = None
    polls: int = 0
    # What faults have decided: {"failed": {...}}, {"partial": ...}, {"lost": {}}.
    fate: dict[str, Any] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in (State.PENDING, State.RUNNING)

    @property
    def billed(self) -> int:
        """How many of its images are paid: those of a task that succeeded."""
        return self.outcome.images if self.outcome and self.state is State.SUCCEEDED else 0

    def json(self) -> dict[str, Any]:
        """The task as JSON values."""
        return asdict(self)


def from_json(values: Mapping[str, Any]) -> Task:
    """The task that `json` told."""
    order = Order(**values["order"] | {"images": tuple((slot, url) for slot, url in values["order"]["images"])})
    outcome = values["outcome"]
    if outcome is not None:
        outcome = Outcome(**outcome | {"items": tuple(Item(**item) for item in outcome["items"])})
    return Task(**{**values, "order": order, "state": State(values["state"]), "outcome": outcome})


def china_time(moment: float) -> str:
    """A moment as answers write it: 2026-11-20 18:05:30.123 in China."""
    return datetime.fromtimestamp(moment, CHINA).isoformat(" ", "milliseconds").removesuffix("+08:00")


def moment_of(text: str) -> float:
    """The moment of a list query's YYYYMMDDhhmmss (China's time, assumed). Raises ValueError."""
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=CHINA).timestamp()


def day(moment: float) -> str:
    """The UTC day, as storage paths have it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def shown(task: Task, links: Mapping[str, str], answer: str, prompts: bool) -> dict[str, Any]:
    """The `output` and `usage` of a task as a query sees them; `links` are the images' URLs by name."""
    output: dict[str, Any] = {"task_id": task.id, "task_status": task.state.value}
    # The samples of FAILED answers carry no times.
    if task.state is not State.FAILED:
        output |= _times(task)
    said: dict[str, Any] = {"output": output}
    if task.state is State.FAILED and task.outcome:
        output |= {"code": task.outcome.code, "message": task.outcome.message}
    if task.state is State.SUCCEEDED and task.outcome:
        output |= choices(task, links) if answer == "choices" else {"results": _results(task, links, prompts)}
        said["usage"] = usage(task, answer)
    if answer != "choices" and task.state is not State.CANCELED:
        output["task_metrics"] = _metrics(task)
    return said


def _times(task: Task) -> dict[str, str]:
    moments = {"submit_time": task.submitted, "scheduled_time": task.started, "end_time": task.ended}
    return {name: china_time(moment) for name, moment in moments.items() if moment is not None}


def _metrics(task: Task) -> dict[str, int]:
    done = task.billed
    failed = task.n - done if task.state in (State.SUCCEEDED, State.FAILED) else 0
    return {"TOTAL": task.n, "SUCCEEDED": done, "FAILED": failed}


def _results(task: Task, links: Mapping[str, str], prompts: bool) -> list[dict[str, str]]:
    assert task.outcome  # noqa: S101 - told to mypy; only tasks that succeeded come here
    return [_result(task, item, links, prompts) for item in task.outcome.items]


def _result(task: Task, item: Item, links: Mapping[str, str], prompts: bool) -> dict[str, str]:
    if not item.name:
        return {"code": item.code, "message": item.message}
    texts = {}
    if prompts:
        texts = {"orig_prompt": task.order.prompt}
        if task.order.parameters.get("prompt_extend"):
            texts["actual_prompt"] = f"{task.order.prompt} (extended)"
    return {**texts, "url": links[item.name]}


def choices(task: Task, links: Mapping[str, str]) -> dict[str, Any]:
    """The images as the messages protocol has them. An image that failed is left out (assumed)."""
    assert task.outcome  # noqa: S101 - told to mypy; only tasks that succeeded come here
    contents = [{"image": links[item.name], "type": "image"} for item in task.outcome.items if item.name]
    entries = [
        {"finish_reason": "stop", "message": {"role": "assistant", "content": [content]}} for content in contents
    ]
    return {"choices": entries, "finished": True}


def usage(task: Task, answer: str) -> dict[str, Any]:
    """What is billed."""
    if answer != "choices":
        return {"image_count": task.billed}
    size = task.outcome.size if task.outcome else ""
    return {"image_count": task.billed, "size": size, "input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
