"""The requests of a plan's jobs: what is asked for, what is there of it already, and why it is asked for now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from wanflow.backends import Backend
from wanflow.canon import JSON
from wanflow.choosing.picks import Picks
from wanflow.language.expand import Job, key_head
from wanflow.language.recipe import Step
from wanflow.model import Change, Decision, Reason, Result
from wanflow.planning.further import Asked, Begun, asked, differ_in_number_only
from wanflow.planning.planned import Plan
from wanflow.planning.reasons import compare
from wanflow.planning.supply import Supply
from wanflow.planning.underway import Underway, told
from wanflow.project import Options
from wanflow.store.index import Index
from wanflow.store.tasks import State


class Requests:
    """Those of one plan. `bad_keys` are those whose stored picture turned out to be gone or damaged."""

    def __init__(
        self, options: Options, plan: Plan, index: Index, backend: Backend, underway: Underway, picks: Picks
    ) -> None:
        self.fingerprints = {step.id: backend.fingerprint(step) for step in plan.steps}
        self.bad_keys: set[str] = set()
        self._force, self._top_up, self._retry_refused = options.force, options.top_up, options.retry_refused
        self._heads = {step.id: key_head(step.function.name, self.fingerprints[step.id]) for step in plan.steps}
        self._plan, self._index, self._underway, self._picks = plan, index, underway, picks
        self._known_recipe = index.knows_recipe(plan.identity)

    def kind(self, step: Step) -> str:
        """Whose jobs take about as long as those of a step."""
        return f"{self.fingerprints[step.id]} {step.function.name}"

    def asked(self, job: Job, symbols: Mapping[str, str], begun: Begun | None = None) -> Asked:
        """The request for a job, or for what is missing of it."""
        step = job.step
        take, seeded = self._picks.take(job.row.key, step.id), not self._plan.terms[step.id].paid
        return asked(job, self._heads[step.id], symbols, take, begun, seeded=seeded)

    def begun(self, job: Job, whole: Asked, result: Result | None) -> Begun | None:
        """What is there of a request of which there is no result, or not all of it, and may be asked for again."""
        wanted = job.step.candidates
        if job.step.function.is_local or self._force:
            return None
        if result:
            missing = wanted - len(result.blobs)
            return Begun(whole.key, result, missing) if self._top_up and missing > 0 else None
        last = self._last_key(job)
        old = self._index.components(last) if last and last != whole.key else None
        if last and old and differ_in_number_only(old, json.loads(whole.parts)):
            known = self.stored(last)
            return Begun(last, known, max(0, wanted - len(known.blobs))) if known else None
        return None

    def stored(self, key: str) -> Result | None:
        """The stored result of a key, unless that is bad."""
        return None if key in self.bad_keys else self._index.result(key)

    def refusal(self, key: str) -> tuple[str, str] | None:
        """Code and words with which the provider refused this very request before, unless it shall be asked again."""
        return None if self._retry_refused else self._index.refusal(key)

    def sent_before(self, decision: Decision, key: str) -> Decision:
        """A job that is to run; the request with this key is not paid for again where it was sent before."""
        task = self._underway.of(key)
        if task is None or (self._force and task.state is State.DONE):
            return decision
        usd = None if task.usd_image is None else task.usd
        if task.state is State.UNCERTAIN:
            return replace(decision, reason=Reason.UNCERTAIN, note=task.detail, usd_reserved=usd)
        return replace(decision, reason=Reason.IN_FLIGHT, note=told(task), usd_reserved=usd)

    def why(self, job: Job, whole: Asked, taken: Mapping[str, Supply]) -> tuple[Reason, tuple[Change, ...]]:
        """Why a job runs, and what changed since it did last."""
        last = self._last_key(job)
        if last is None:
            return Reason.NEW, ()
        if last == whole.key:
            return Reason.OUTPUT_MISSING, ()
        old = self._index.components(last)
        if not old:
            return Reason.NEW, ()
        reason, changes = compare(old, whole.parts)
        if reason is Reason.INPUT_CHANGED and _picked_anew(old[4], taken):
            reason = Reason.PICK_CHANGED
        return reason, changes

    def _last_key(self, job: Job) -> str | None:
        return self._index.last_key(self._plan.identity, job.address) if self._known_recipe else None


def _picked_anew(old: JSON, taken: Mapping[str, Supply]) -> bool:
    """Whether all that is another picture now is only another of the same candidates."""
    before = old if isinstance(old, dict) else {}
    anew = {slot: supply for slot, supply in taken.items() if before.get(slot) != supply.symbol}
    return before.keys() == taken.keys() and all(before[slot] in supply.among for slot, supply in anew.items())
