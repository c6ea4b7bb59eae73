"""Who performs functions: the protocol every backend keeps, and the table of backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from wanflow.backends.draft import DraftBackend
from wanflow.backends.provider import ProviderBackend
from wanflow.backends.services import Services
from wanflow.language.recipe import Step
from wanflow.model import Account, Call, Ending, Listed, Result, Terms
from wanflow.store.uploads import Uploads


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

    def preview(self, call: Call, pictures: Mapping[str, str]) -> Mapping[str, Any]:
        """What would be sent, or done here, for a call whose pictures are called so, by slot; holds no key."""

    def account(self) -> Account | None:
        """Whose money it spends; None when it is free. Raises UsageError when the key or the address is missing."""

    def named_account(self) -> Account | None:
        """The same as far as it is known without a key: by the name that the settings give it."""

    def service(self, uploads: Uploads) -> Service:
        """Who does the paid calls of that account; `uploads` remembers what lies there."""

    async def perform(self, call: Call) -> Result:
        """Do a free call. Raises EditError."""


class Service(Protocol):
    """Does paid calls, each step of it apart, so that the ledger can say between them how far it got."""

    @property
    def offset_s(self) -> float | None:
        """How many seconds its clock is ahead of ours; None while that is not known."""

    async def prepare(self, call: Call) -> Any:
        """Everything but the sending; free, and may be thrown away. Raises EditError."""

    async def submit(self, prepared: Any) -> Any:
        """Send it; costs money. Returns a ticket, which has a `task_id`. Raises EditError."""

    def lists(self, call: Call) -> bool:
        """Whether what a call makes is a task of the account, which `tasks` names; false where it answers at once."""

    def ticket(self, call: Call, task_id: str, submitted_at: datetime) -> Any:
        """The ticket of a call that was sent before."""

    async def wait(self, ticket: Any) -> Ending:
        """How a task ends; may be called again. Raises EditError when that can't be learnt."""

    async def fetch(self, ticket: Any, ending: Ending) -> Result:
        """Store what a task made; may be called again. Raises EditError."""

    async def tasks(self, since: datetime, until: datetime, model: str | None) -> Sequence[Listed]:
        """The account's tasks of a model (or all) that were submitted in a span of time. Raises EditError."""

    @property
    def waiting(self) -> int:
        """How many tasks are waited for."""

    async def aclose(self) -> None:
        """Let go of connections; tasks that were submitted go on."""


Backends = Mapping[str, Callable[[Services], Backend]]

BACKENDS: Backends = {
    "draft": lambda services: DraftBackend(services.workers),
    "dashscope": ProviderBackend,
}
