"""Who performs functions: the protocol every backend keeps, and the table of backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from wanflow.backends.draft import DraftBackend
from wanflow.model import Call, Result
from wanflow.recipe import Step
from wanflow.workers import Workers


class Backend(Protocol):
    """Performs calls. Errors are EditErrors labelled with whether trying again can help; retrying is the loop's."""

    name: str
    takes_hints: bool

    def fingerprint(self, step: Step) -> str:
        """What enters the key: who would perform this step, in the version that decides its result."""

    def fidelity(self, step: Step) -> str:
        """What its pictures are at worst: real, approximate or proxy."""

    def foresee(self, step: Step, parameters: Mapping[str, Any]) -> str:
        """The best fidelity that can come of these parameters; may load what `fidelity` must not."""

    def lane(self, step: Step) -> str:
        """The lane whose limits a step's jobs keep."""

    async def submit(self, call: Call) -> Any:
        """Start a call; may cost money. Returns a ticket."""

    async def collect(self, ticket: Any) -> Result:
        """The result of a ticket; may be called again after a crash. Raises EditError."""


Backends = Mapping[str, Callable[[Workers], Backend]]

BACKENDS: Backends = {"draft": DraftBackend}
