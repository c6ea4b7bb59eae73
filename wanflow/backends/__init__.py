"""Who performs functions: the protocol every backend keeps, and the table of backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from wanflow.backends.draft import DraftBackend
from wanflow.backends.provider import ProviderBackend
from wanflow.backends.services import Services
from wanflow.model import Call, Result, Terms
from wanflow.recipe import Step


class Backend(Protocol):
    """Performs calls. Errors are EditErrors labelled with whether trying again can help; retrying is the loop's."""

    name: str
    takes_hints: bool

    @property
    def place(self) -> str:
        """Where requests, and the money, go; empty when nothing leaves this machine."""

    def fingerprint(self, step: Step) -> str:
        """What enters the key: who would perform this step, in the version that decides its result."""

    def terms(self, step: Step) -> Terms:
        """What is known of a step's jobs before any is done: fidelity, price, time and lane."""

    def refuses(self, step: Step) -> str:
        """Why it can't do a step at all; empty when it can."""

    def foresee(self, step: Step, parameters: Mapping[str, Any]) -> str:
        """The best fidelity that can come of these parameters; may load what planning as such must not."""

    def require(self) -> None:
        """Raise UsageError when something to perform with, such as a key, is missing. Planning needs nothing."""

    async def submit(self, call: Call) -> Any:
        """Start a call; may cost money. Returns a ticket. Raises EditError."""

    async def collect(self, ticket: Any) -> Result:
        """The result of a ticket; may be called again after a crash. Raises EditError."""

    @property
    def waiting(self) -> int:
        """How many tasks that were submitted go on elsewhere and are waited for."""

    async def close(self) -> None:
        """Let go of connections; tasks that were submitted go on."""


Backends = Mapping[str, Callable[[Services], Backend]]

BACKENDS: Backends = {
    "draft": lambda services: DraftBackend(services.workers),
    "dashscope": ProviderBackend,
}
