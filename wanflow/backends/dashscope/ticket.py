"""What goes into a submit, and what it leaves behind: enough to ask for the result later, also after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wanflow.model import Call
from wanflow.wire.answers import TaskState
from wanflow.wire.requests import Request


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call as it will be sent."""

    call: Call
    request: Request
    is_async: bool


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was accepted: the provider's task, or (of a synchronous protocol) the answer itself.

    `model` is the catalogue's name; everything but `answer` can be written down and read back.
    """

    task_id: str
    call: Call
    model: str
    submitted_at: datetime
    answer: TaskState | None = None

    @property
    def images(self) -> int:
        """How many images were asked for."""
        return int(self.call.parameters.get("n", 1))
