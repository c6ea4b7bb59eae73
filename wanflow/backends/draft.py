"""The embedded backend: free, offline, deterministic. Performs wan/* as drafts and local/* as they are."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from wanflow.backends.workers import LANE, Workers
from wanflow.language.recipe import Step
from wanflow.model import Call, Limits, Result, Terms

FREE = Decimal(0)


class DraftBackend:
    """Edits pictures in worker processes of this machine."""

    name = "draft"
    place = ""
    takes_hints = True

    def __init__(self, workers: Workers) -> None:
        self.workers = workers

    def fingerprint(self, step: Step) -> str:
        """Backend and engine version; of the model, only how it rounds sizes matters to a draft."""
        if step.function.is_local:
            return local_fingerprint(step)
        multiple = step.function.size.get("multiple")
        return f"draft:{step.function.engine_version}" + (f":{multiple}" if multiple else "")

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

    def preview(self, call: Call, pictures: Mapping[str, str]) -> dict[str, Any]:
        """The call, which a process of this machine does."""
        hint = {"hint_region": list(call.region)} if call.region else {}
        return {"function": call.function, "parameters": dict(call.parameters), "pictures": dict(pictures), **hint}

    def account(self) -> None:
        """Nobody pays."""

    def named_account(self) -> None:
        """Nobody pays."""

    def service(self, uploads: object) -> NoReturn:
        """There are no paid calls."""
        raise NotImplementedError

    async def perform(self, call: Call) -> Result:
        """The edited picture, stored. Raises EditError."""
        return await self.workers.perform(call)


def local_fingerprint(step: Step) -> str:
    """The fingerprint of a local/* step, the same under every backend."""
    return f"local:{step.function.engine_version}"
