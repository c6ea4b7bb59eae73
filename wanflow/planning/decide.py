"""One job and what the store knows -> RUN, REUSE, LATER or SKIP, and why. The only place that decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from wanflow.backends import Backend
from wanflow.canon import JSON
from wanflow.choosing.chooser import Chooser
from wanflow.choosing.picks import Frozen
from wanflow.errors import Problem
from wanflow.functions import sizes
from wanflow.judging.gates import Gates
from wanflow.language import hints
from wanflow.language.expand import Expansion, Job, RowError, about_row, key_of
from wanflow.language.recipe import Guard, Step
from wanflow.language.selection import Selection
from wanflow.manifests.rows import Manifest
from wanflow.model import Action, Change, Chosen, Decision, Reason, Result, Row
from wanflow.planning.fanin import FanIn
from wanflow.planning.further import Asked, Begun, first_of
from wanflow.planning.gating import Gating, GoneError
from wanflow.planning.handover import Handover, noted
from wanflow.planning.kept import Kept
from wanflow.planning.planned import Plan
from wanflow.planning.reasons import compare
from wanflow.planning.repeats import Repeats
from wanflow.planning.requests import Requests
from wanflow.planning.sizing import Sizing
from wanflow.planning.supply import Supplier, Supply
from wanflow.planning.taking import Taking
from wanflow.planning.underway import Underway
from wanflow.project import Options
from wanflow.store.index import Index

PROXY = "proxy"
Supplies = Mapping[str, Supply]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A job that was looked at, as far as it is known: what its key is made of, the parameters that would be sent, and
    what it takes, by slot.
    """

    job: Job
    parts: str
    parameters: Mapping[str, JSON]
    taken: Mapping[str, Supply]
    region: hints.Region | None


class Decider:
    """Decides the jobs of one plan, row after row; `repeats` has to know where one starts and is settled.

    `resolved` has what the jobs that are to be `explained` are made of, by address.
    """

    explained: Selection | None = None

    def __init__(
        self,
        options: Options,
        plan: Plan,
        expansion: Expansion,
        supplier: Supplier,
        fan_in: FanIn,
        manifest: Manifest | None,
        index: Index,
        backend: Backend,
        underway: Underway,
        chooser: Chooser,
        kept: Kept,
        gates: Gates,
    ) -> None:
        self.force, self.no_proxy = options.force, options.no_proxy
        self.requests = Requests(options, plan, index, backend, underway, chooser.picks)
        self.sizing = Sizing(expansion, index, backend.place)
        self.resolved: dict[str, Resolved] = {}
        self._plan, self._expansion, self._supplier = plan, expansion, supplier
        self._index, self._backend, self._chooser, self._kept = index, backend, chooser, kept
        self._gating = Gating(gates, kept.blobs, plan, expansion)
        self._taking = Taking(supplier, fan_in, manifest)
        self.handover = Handover(plan, chooser, kept, self._gating)
        self.repeats = Repeats(self._gating)

    def decide(self, step: Step, row: Row, supplies: Supplies, *, selected: bool) -> tuple[Decision, Supply]:
        """What happens to a job and what it hands on; `supplies` are of the row's steps before. Raises RowError."""
        if step.id in self._expansion.broken:
            return Decision(step.id, Action.SKIP, Reason.REFUSED), Supply(absent=Reason.REFUSED)
        if stopped := self._expansion.stopped(step, row):
            return self._not_running(step, stopped, row, supplies, afresh=self.force and selected)
        if frozen := self._chooser.picks.frozen.get((row.key, step.id)):
            return self._frozen(step, row, frozen, supplies, selected=selected)
        taken = self._taking.of(step, row, supplies, afresh=self.force and selected)
        for supply in taken.values():
            if supply.absent is Reason.EXCLUDED:
                return self._unselected(step, row, supply) if selected else left_out(step)
            if supply.absent and supply.absent is not Reason.PARKED:
                return Decision(step.id, Action.SKIP, supply.absent, note=supply.why), Supply(absent=supply.absent)
        self._supplier.check(step, row, taken)
        job = self._expansion.job(step, row)
        if self.no_proxy and selected and self._backend.foresee(step, job.parameters) == PROXY:
            raise RowError(self._proxy_refused(job))
        among = {slot: supply.size for slot, supply in taken.items()}
        size = self.sizing.size(job, among)
        self._check_texts(job, sizes.base(among))
        symbols = {slot: supply.symbol for slot, supply in taken.items()}
        if region := self._expansion.region(step, row, sizes.base(among)):
            symbols[hints.REGION] = hints.symbol(region)
        if self.explained and step.id in self.explained.of(row.key):
            self.resolved[job.address] = self._resolved(job, symbols, taken, region)
        if any(supply.absent for supply in taken.values()):
            return self._parked(job, symbols, size) if selected else left_out(step)
        return self._tried(job, symbols, taken, size) if selected else self._stored(job, symbols, taken)

    def _check_texts(self, job: Job, size: sizes.Size | None) -> None:
        """Refuse texts that a picture of this size has no room for. Raises RowError."""
        if not size or job.step.function.size["rule"] not in sizes.WITH_TEXTS:
            return
        from wanflow.pixels import captions  # late: it loads the fonts

        try:
            captions.check(job.step.function.name, size, job.parameters)
        except sizes.SizeError as error:
            raise self._expansion.misfit(job, error) from error

    def _parked(self, job: Job, symbols: Mapping[str, str], size: tuple[int, int] | None) -> tuple[Decision, Supply]:
        """A person has to choose first."""
        step = job.step
        decision = Decision(step.id, Action.SKIP, Reason.PARKED, images=step.candidates, rerolls=step.reroll)
        symbol = f"?{self.requests.asked(job, symbols).key}"
        return decision, Supply(symbol, step=step.id, size=size, absent=Reason.PARKED)

    def _resolved(
        self, job: Job, symbols: Mapping[str, str], taken: Mapping[str, Supply], region: hints.Region | None
    ) -> Resolved:
        whole = self.requests.asked(job, symbols)
        begun = self.requests.begun(job, whole, self.requests.stored(whole.key))
        sent = self.requests.asked(job, symbols, begun) if begun and begun.missing else whole
        return Resolved(job, whole.parts, sent.parameters, taken, region)

    # -- what is kept whatever the recipe says

    def _frozen(
        self, step: Step, row: Row, frozen: Frozen, supplies: Supplies, *, selected: bool
    ) -> tuple[Decision, Supply]:
        result = self._kept.result(row, step, frozen, self._index)
        chosen = Chosen(result.blobs, result.blobs)
        supply = Supply.made(step.id, chosen)
        if not selected:
            return Decision(step.id, Action.SKIP, Reason.EXCLUDED, result=result, chosen=chosen), supply
        note, changes = self._differs(step, row, frozen, supplies)
        key = frozen.key or None
        return Decision(step.id, Action.REUSE, Reason.FROZEN, changes, key, result, note, chosen=chosen), supply

    def _differs(self, step: Step, row: Row, frozen: Frozen, supplies: Supplies) -> tuple[str, tuple[Change, ...]]:
        """How the recipe differs by now from what was frozen, as far as that is known."""
        try:
            taken = self._taking.of(step, row, supplies, afresh=False)
            job = self._expansion.job(step, row)
            region = self._expansion.region(step, row, None)
        except RowError as error:
            return f"frozen; the recipe alone would be refused: {error}", ()
        symbols = {slot: supply.symbol for slot, supply in taken.items()}
        if region:
            symbols[hints.REGION] = hints.symbol(region)
        parts = self.requests.asked(job, symbols).parts
        if not frozen.key or key_of(parts) == frozen.key:
            return "", ()
        if not all(supply.blob for supply in taken.values()):
            return "frozen, may differ from recipe", ()
        old = self._index.components(frozen.key)
        return "frozen, differs from recipe", compare(old, parts)[1] if old else ()

    def _unselected(self, step: Step, row: Row, supply: Supply) -> tuple[Decision, Supply]:
        """A selected job needs a picture that nobody makes, which is told."""
        message = f"{step.id} is selected; {supply.step}, whose picture it takes, is neither selected nor stored"
        problem = self._plan.recipe.document.problem(
            step.where("uses"), "selection", message, f"Select it, too: -s +{step.id}"
        )
        self._plan.fatal.append(about_row(problem, row))
        return Decision(step.id, Action.SKIP, Reason.REFUSED), Supply(absent=Reason.REFUSED)

    def _stored(self, job: Job, symbols: Mapping[str, str], taken: Mapping[str, Supply]) -> tuple[Decision, Supply]:
        """What an earlier run made of a job that is not selected, for those that are."""
        tried: list[str] = []
        while all(supply.blob for supply in taken.values()):
            key = self.requests.asked(self._expansion.another(job, len(tried)), symbols).key
            result, why = self._judged(job, key, self.requests.stored(key), taken)
            if result:
                chosen, supply = self.handover.made(job, result, taken)
                decision = Decision(job.step.id, Action.SKIP, Reason.EXCLUDED, key=key, result=result, chosen=chosen)
                return decision, supply
            if not why:
                break
            tried.append(key)
            if len(tried) > job.step.reroll:
                return self._gating.unfit(job, key, taken, why, tried)
        return left_out(job.step)

    def _judged(
        self, job: Job, key: str, result: Result | None, taken: Mapping[str, Supply]
    ) -> tuple[Result | None, str]:
        """What of a stored result is as its gate expects; else why nothing is. Raises RowError."""
        if result is None or job.step.expect is None:
            return result, ""
        try:
            return self._gating.judged(job, result, self.handover.base(taken))
        except GoneError:
            self.requests.bad_keys.add(key)
            self._plan.damaged[key] = result.blobs[0].sha256
            self._plan.notes.append(f"the stored picture of {job.address} can't be judged; it is made again")
            return None, ""

    def _not_running(
        self, step: Step, stopped: Guard, row: Row, supplies: Supplies, *, afresh: bool
    ) -> tuple[Decision, Supply]:
        if stopped.otherwise == "bypass" and stopped.instead:
            where = (*stopped.where, "image")
            supply = self._supplier.supply(stopped.instead, row, supplies, where, afresh=afresh)
            if supply.absent:
                return Decision(step.id, Action.SKIP, supply.absent), supply
            bypassed = Decision(step.id, Action.SKIP, Reason.BYPASSED, instead=stopped.instead)
            return bypassed, replace(supply, every=())
        if stopped.otherwise == "fail":
            where, message = (*stopped.where, "when"), f"{stopped.step}: when is false"
            raise RowError(about_row(self._plan.recipe.document.problem(where, "when", message), row))
        return Decision(step.id, Action.SKIP, Reason.SKIPPED), Supply(absent=Reason.SKIPPED)

    def _tried(
        self,
        job: Job,
        symbols: Mapping[str, str],
        taken: Mapping[str, Supply],
        size: tuple[int, int] | None,
    ) -> tuple[Decision, Supply]:
        """What happens to a job, given what its gate says of the tries that are stored. Raises RowError."""
        step, tried = job.step, list[str]()
        if step.expect is None:
            return self._choose(job, symbols, taken, size)
        while True:
            decision, supply = self._choose(self._expansion.another(job, len(tried)), symbols, taken, size)
            if not decision.failed_gate:
                break
            tried.append(str(decision.key))
            if len(tried) > step.reroll:
                return self._gating.unfit(job, tried[-1], taken, decision.note, tried)
        makes = decision.action in (Action.RUN, Action.LATER)
        if decision.result or not (makes or decision.action is Action.REUSE):
            earlier = (
                f"this is try {1 + len(tried)} of {1 + step.reroll}; those before failed the gate" if tried else ""
            )
            note = "; ".join(filter(None, (decision.note, earlier)))
            return replace(decision, tried=tuple(tried), note=note), supply
        if makes and size and (why := self._gating.foreseen(job, size)):
            self.repeats.discard(str(decision.key))
            return self._gating.unfit(job, str(decision.key), taken, why)
        # What another job makes by the same gate is made again at most once for both.
        mark = self._gating.mark(step.id, str(decision.key))
        rerolls = 0 if mark in self.repeats else step.reroll - len(tried)
        self.repeats.add(mark)
        decision = replace(decision, tried=tuple(tried), rerolls=rerolls)
        if tried and makes and decision.reason not in (Reason.IN_FLIGHT, Reason.UNCERTAIN):
            decision = replace(decision, reason=Reason.REROLLED, changes=())
        return decision, supply

    def _choose(
        self,
        job: Job,
        symbols: Mapping[str, str],
        taken: Mapping[str, Supply],
        size: tuple[int, int] | None,
    ) -> tuple[Decision, Supply]:
        whole, step = self.requests.asked(job, symbols), job.step
        key = whole.key
        known = all(supply.blob for supply in taken.values())
        unmade = self.handover.unmade(job, key, size)
        if key in self.repeats:
            return Decision(step.id, Action.REUSE, Reason.CACHED, key=key, note="same work as another job"), unmade
        self.repeats.add(key)
        unfetched = {supply.url for supply in taken.values() if supply.url}
        self._plan.fetches |= unfetched
        if self.force:
            again = Decision(step.id, Action.RUN, Reason.FORCED, key=key, images=step.candidates)
            return self.requests.sent_before(again, key), unmade
        if not known:
            first = all(supply.blob or supply.url for supply in taken.values())
            reason = Reason.FETCH if first else Reason.UPSTREAM
            return Decision(step.id, Action.LATER, reason, key=key, images=step.candidates), unmade
        result = self.requests.stored(key)
        begun = self.requests.begun(job, whole, result)
        if begun and not begun.missing:
            key, result = begun.key, first_of(begun.result, step.candidates)
        came = result
        if not (begun and begun.missing):
            result, why = self._judged(job, key, came, taken)
            if why:
                self.repeats.discard(whole.key)
                return Decision(step.id, Action.SKIP, Reason.UNFIT, key=key, note=why), Supply(absent=Reason.UNFIT)
            begun = begun if result else None
        if result is None and (refusal := self.requests.refusal(key)):
            self.repeats.discard(key)
            note = f"{refusal[0]}: {refusal[1]}"
            return Decision(step.id, Action.SKIP, Reason.MODERATED, key=key, note=note), Supply(absent=Reason.MODERATED)
        if result is None or (begun and begun.missing):
            asked = self.requests.asked(job, symbols, begun) if begun and begun.missing else whole
            return self.requests.sent_before(self._run(job, whole, taken, begun), asked.key), unmade
        if self.no_proxy and result.fidelity == PROXY:
            raise RowError(self._proxy_refused(job))
        self.repeats.discard(whole.key)
        chosen, supply = self.handover.made(job, result, taken)
        note = noted(step, chosen, came or result) if chosen else ""
        return Decision(step.id, Action.REUSE, Reason.CACHED, key=key, result=result, note=note, chosen=chosen), supply

    def _run(self, job: Job, whole: Asked, taken: Mapping[str, Supply], begun: Begun | None) -> Decision:
        if begun and begun.key == whole.key:
            note = f"{begun.ahead} of {job.step.candidates} candidates came; asks for the others"
            return Decision(job.step.id, Action.RUN, Reason.FORCED, key=whole.key, note=note, images=begun.missing)
        reason, changes = self.requests.why(job, whole, taken)
        images = begun.missing if begun else job.step.candidates
        note = f"{begun.ahead} of {job.step.candidates} candidates are there" if begun else ""
        return Decision(job.step.id, Action.RUN, reason, changes, whole.key, note=note, images=images)

    def _proxy_refused(self, job: Job) -> Problem:
        name = job.step.function.name
        message = f"{name} needs a generative model here; the draft engine would return a picture stamped DRAFT"
        hint = "Leave out --no-proxy to preview it, or use another backend."
        return about_row(self._plan.recipe.document.problem(job.step.where("uses"), "no-proxy", message, hint), job.row)


def left_out(step: Step) -> tuple[Decision, Supply]:
    """What becomes of a job that is not selected and has no picture."""
    return Decision(step.id, Action.SKIP, Reason.EXCLUDED), Supply(absent=Reason.EXCLUDED, step=step.id)


def idling(decision: Decision, supply: Supply) -> tuple[Decision, Supply]:
    """What becomes of a job of which only frozen results are made: its stored picture is there, or it has none."""
    if decision.reason is not Reason.EXCLUDED:
        return decision, supply
    action = Action.REUSE if decision.result else Action.SKIP
    return replace(decision, action=action, reason=Reason.CACHED if decision.result else Reason.FROZEN), supply
