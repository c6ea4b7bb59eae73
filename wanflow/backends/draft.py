"""The embedded backend: free, offline, deterministic. Performs wan/* as drafts and local/* as they are."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from wanflow.model import Call, Limits, Result, Terms
from wanflow.recipe import Step
from wanflow.workers import LANE, Workers

FREE = Decimal(0)


class DraftBackend:
    """Edits pictures in worker processes of this machine."""

    name = "draft"
    place = ""
    takes_hints = True
    waiting = 0

    def __init__(self, workers: Workers) -> None:
        self.workers = workers

    def fingerprint(self, step: Step) -> str:
        """Backend and engine version; the model does not matter to a draft."""
        return local_fingerprint(step) if step.function.is_local else f"draft:{step.function.engine_version}"

    def terms(self, step: Step) -> Terms:
        """Free, as good as the function's definition claims; all edits of this machine share its cores."""
        function = step.function
        return Terms(function.fidelity, FREE, function.draft_seconds, LANE, Limits(self.workers.slots))

    def refuses(self, step: Step) -> str:
        """Nothing: every function runs here."""
        return ""

    def foresee(self, step: Step, parameters: Mapping[str, Any]) -> str:
        """The engine's own judgement where the prompt decides."""
        if step.function.fidelity == step.function.best_fidelity:
            return step.function.fidelity
        from wanflow.pixels import engine

        return engine.foreseen(step.function.name, parameters) or step.function.fidelity

    def require(self) -> None:
        """Nothing is needed."""

    async def submit(self, call: Call) -> Call:
        """Nothing happens before collect: a draft costs nothing and leaves nothing behind."""
        return call

    async def collect(self, ticket: Call) -> Result:
        """The edited picture, stored. Raises EditError."""
        return await self.workers.perform(ticket)

    async def close(self) -> None:
        """Workers belong to whoever made them."""


def local_fingerprint(step: Step) -> str:
    """The fingerprint of a local/* step, the same under every backend."""
    return f"local:{step.function.engine_version}"
