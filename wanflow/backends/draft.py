"""The embedded backend: free, offline, deterministic. Performs wan/* as drafts and local/* as they are."""

from __future__ import annotations

from wanflow.model import Call, Result
from wanflow.recipe import Step
from wanflow.workers import LANE, Workers


class DraftBackend:
    """Edits pictures in worker processes of this machine."""

    name = "draft"
    takes_hints = True

    def __init__(self, workers: Workers) -> None:
        self.workers = workers

    def fingerprint(self, step: Step) -> str:
        """Backend and engine version; the model does not matter to a draft."""
        return local_fingerprint(step) if step.function.is_local else f"draft:{step.function.engine_version}"

    def lane(self, step: Step) -> str:
        """All edits of this machine share its cores."""
        return LANE

    async def submit(self, call: Call) -> Call:
        """Nothing happens before collect: a draft costs nothing and leaves nothing behind."""
        return call

    async def collect(self, ticket: Call) -> Result:
        """The edited picture, stored. Raises EditError."""
        return await self.workers.perform(ticket)


def local_fingerprint(step: Step) -> str:
    """The fingerprint of a local/* step, the same under every backend."""
    return f"local:{step.function.engine_version}"
