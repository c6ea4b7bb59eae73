"""One job and what the store knows -> RUN, REUSE, LATER or SKIP, and why. The only place that decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wanflow.backends import Backend
from wanflow.canon import JSON
from wanflow.choosing.chooser import Chooser
from wanflow.choosing.picks import Frozen
from wanflow.errors import EditError, Problem
from wanflow.functions import sizes
from wanflow.judging.gates import Gates
from wanflow.language import hints
from wanflow.language.expand import Expansion, Job, RowError, about_row, key_head, key_of
from wanflow.language.recipe import Guard, Step
from wanflow.language.selection import Selection
from wanflow.manifests.rows import Manifest
from wanflow.model import Action, Blob, Change, Chosen, Decision, Reason, Ref, RefKind, Result, Row
from wanflow.planning.fanin import FanIn
from wanflow.planning.further import Asked, Begun, asked, differ_in_number_only, first_of
from wanflow.planning.gating import Gating, GoneError
from wanflow.planning.kept import Kept
from wanflow.planning.planned import Plan, RowPlan
from wanflow.planning.reasons import compare
from wanflow.planning.sizing import Sizing
from wanflow.planning.supply import Supplier, Supply
from wanflow.planning.underway import Underway, told
from wanflow.project import Options
from wanflow.store.index import Index
from wanflow.store.tasks import State

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
    """Decides the jobs of one plan, row after row: `begin` and `end` tell where one starts and is settled.

    `bad_keys` are those whose stored picture turned out to be gone or damaged; `resolved` has what the jobs that are
    to be `explained` are made of, by address.
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
        self.force, self.no_proxy, self.retry_refused = options.force, options.no_proxy, options.retry_refused
        self._top_up, self._chooser, self._kept = options.top_up, chooser, kept
        self.fingerprints = {step.id: backend.fingerprint(step) for step in plan.steps}
        self.key_heads = {step.id: key_head(step.function.name, self.fingerprints[step.id]) for step in plan.steps}
        self.bad_keys: set[str] = set()
        self.resolved: dict[str, Resolved] = {}
        self._plan, self._expansion, self._supplier, self._fan_in = plan, expansion, supplier, fan_in
        self._manifest, self._index, self._backend = manifest, index, backend
        self._underway = underway
        self._gating = Gating(gates, kept.blobs, plan, expansion)
        self._known_recipe = index.knows_recipe(plan.identity)
        self.sizing = Sizing(expansion, index, backend.place)
        self._planned: set[bytes] = set()
        self._fresh: set[bytes] = set()

    def begin(self) -> None:
        """A row is decided from here on, perhaps once more."""
        self._fresh = set()

    def end(self, entry: RowPlan) -> None:
        """A row is decided; what it makes is not made again."""
        # What is stored already is known by its content; only what is yet to be made is known by its key alone.
        self._planned.update(symbol for made in entry.decisions if _is_unmade(made) for symbol in self._symbols(made))

    def kind(self, step: Step) -> str:
        """Whose jobs take about as long as those of a step."""
        return f"{self.fingerprints[step.id]} {step.function.name}"

    def forget(self, entry: RowPlan) -> None:
        """A row will be decided anew."""
        self._planned.difference_update(symbol for made in entry.decisions for symbol in self._symbols(made))

    def _symbols(self, made: Decision) -> Iterator[bytes]:
        """What a job makes, and which gate judges it, as later jobs are compared with."""
        if made.key:
            yield _symbol(made.key)
            yield _symbol(self._gating.mark(made.step, made.key))

    def decide(self, step: Step, row: Row, supplies: Supplies, *, selected: bool) -> tuple[Decision, Supply]:
        """What happens to a job and what it hands on; `supplies` are of the row's steps before. Raises RowError."""
        if step.id in self._expansion.broken:
            return Decision(step.id, Action.SKIP, Reason.REFUSED), Supply(absent=Reason.REFUSED)
        if stopped := self._expansion.stopped(step, row):
            return self._not_running(step, stopped, row, supplies, afresh=self.force and selected)
        if frozen := self._chooser.picks.frozen.get((row.key, step.id)):
            return self._frozen(step, row, frozen, supplies, selected=selected)
        taken = self._taken(step, row, supplies, afresh=self.force and selected)
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
            return self._parked(job, size) if selected else left_out(step)
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

    def _parked(self, job: Job, size: tuple[int, int] | None) -> tuple[Decision, Supply]:
        """A person has to choose first."""
        step = job.step
        decision = Decision(step.id, Action.SKIP, Reason.PARKED, images=step.candidates, rerolls=step.reroll)
        return decision, Supply(step=job.step.id, size=size, absent=Reason.PARKED)

    def _resolved(
        self, job: Job, symbols: Mapping[str, str], taken: Mapping[str, Supply], region: hints.Region | None
    ) -> Resolved:
        whole = self.asked(job, symbols)
        begun = self.begun(job, whole, self._stored_result(whole.key))
        sent = self.asked(job, symbols, begun) if begun and begun.missing else whole
        return Resolved(job, whole.parts, sent.parameters, taken, region)

    # -- requests

    def asked(self, job: Job, symbols: Mapping[str, str], begun: Begun | None = None) -> Asked:
        """The request for a job, or for what is missing of it."""
        step = job.step
        take, seeded = self._chooser.picks.take(job.row.key, step.id), not self._plan.terms[step.id].paid
        return asked(job, self.key_heads[step.id], symbols, take, begun, seeded=seeded)

    def begun(self, job: Job, whole: Asked, result: Result | None) -> Begun | None:
        """What is there of a request of which there is no result, or not all of it, and may be asked for again."""
        wanted = job.step.candidates
        if job.step.function.is_local or self.force:
            return None
        if result:
            missing = wanted - len(result.blobs)
            return Begun(whole.key, result, missing) if self._top_up and missing > 0 else None
        last = self._last_key(job)
        old = self._index.components(last) if last and last != whole.key else None
        if last and old and differ_in_number_only(old, json.loads(whole.parts)):
            known = self._stored_result(last)
            return Begun(last, known, max(0, wanted - len(known.blobs))) if known else None
        return None

    def _stored_result(self, key: str) -> Result | None:
        return None if key in self.bad_keys else self._index.result(key)

    # -- what goes on

    def chosen(self, job: Job, blobs: Sequence[Blob], base: Blob | None) -> Chosen:
        """What goes on of a job's result. Raises RowError."""
        try:
            return self._chooser.chosen(job.step, job.row.key, blobs, base)
        except EditError as error:
            where = job.step.where("pick" if job.step.candidates > 1 else "uses")
            problem = self._plan.recipe.document.problem(where, "pick", error.message, "Mend it, or pick by hand.")
            raise RowError(about_row(problem, job.row)) from error

    def base(self, taken: Mapping[str, Supply]) -> Blob | None:
        """The picture that candidates are compared with, which need not be in the store."""
        supply = taken.get("image") or taken.get("images.0")
        if supply and supply.blob and supply.path:
            self._kept.measures.lies_at(supply.blob, self._kept.root / supply.path)
        return supply.blob if supply else None

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
            taken = self._taken(step, row, supplies, afresh=False)
            job = self._expansion.job(step, row)
            region = self._expansion.region(step, row, None)
        except RowError as error:
            return f"frozen; the recipe alone would be refused: {error}", ()
        symbols = {slot: supply.symbol for slot, supply in taken.items()}
        if region:
            symbols[hints.REGION] = hints.symbol(region)
        parts = self.asked(job, symbols).parts
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
            key = self.asked(self._expansion.another(job, len(tried)), symbols).key
            result, why = self._judged(job, key, self._stored_result(key), taken)
            if result:
                chosen, supply = self._handed_on(job, result, taken)
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
            return self._gating.judged(job, result, self.base(taken))
        except GoneError:
            self.bad_keys.add(key)
            self._plan.damaged[key] = result.blobs[0].sha256
            self._plan.notes.append(f"the stored picture of {job.address} can't be judged; it is made again")
            return None, ""

    def _taken(self, step: Step, row: Row, supplies: Supplies, *, afresh: bool) -> dict[str, Supply]:
        """What a step takes, by slot; of steps.ID.all what is skipped is left out, unless all is. Raises RowError."""
        taken: dict[str, Supply] = {}
        several: list[Supply] = []
        for slot, ref in step.inputs.items():
            if ref.every:
                found = self._gathered(ref) if self._fan_in.gathers(step, ref) else map(supplies.__getitem__, ref.every)
                several += [
                    one for supply in found if supply.absent is not Reason.SKIPPED for one in supply.every or (supply,)
                ]
                continue
            if ref.kind is RefKind.STEP:
                supply = supplies[ref.name]
            else:
                supply = self._supplier.supply(ref, row, supplies, step.named_at(slot), afresh=afresh)
            if slot.startswith("images."):
                several.append(supply)
            else:
                taken[slot] = supply
        if "images.0" in step.inputs:
            several = several or [Supply(absent=Reason.SKIPPED)]
            taken.update((f"images.{number}", supply) for number, supply in enumerate(several))
        return taken

    def _gathered(self, ref: Ref) -> Iterator[Supply]:
        yield from self._fan_in.of(ref)
        if self._manifest and (lost := len(self._manifest.problems)):
            why = f"needs every row, and {lost:,} of the manifest can't be read"
            yield Supply(absent=Reason.REFUSED, why=why)

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
            self._fresh.discard(_symbol(str(decision.key)))
            return self._gating.unfit(job, str(decision.key), taken, why)
        # What another job makes by the same gate is made again at most once for both.
        mark = _symbol(self._gating.mark(step.id, str(decision.key)))
        rerolls = 0 if mark in self._planned or mark in self._fresh else step.reroll - len(tried)
        self._fresh.add(mark)
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
        whole, step = self.asked(job, symbols), job.step
        key = whole.key
        known = all(supply.blob for supply in taken.values())
        unmade = self._unmade(job, key, size)
        if _symbol(key) in self._planned or _symbol(key) in self._fresh:
            return Decision(step.id, Action.REUSE, Reason.CACHED, key=key, note="same work as another job"), unmade
        self._fresh.add(_symbol(key))
        unfetched = {supply.url for supply in taken.values() if supply.url}
        self._plan.fetches |= unfetched
        if self.force:
            again = Decision(step.id, Action.RUN, Reason.FORCED, key=key, images=step.candidates)
            return self._sent_before(again, key), unmade
        if not known:
            first = all(supply.blob or supply.url for supply in taken.values())
            reason = Reason.FETCH if first else Reason.UPSTREAM
            return Decision(step.id, Action.LATER, reason, key=key, images=step.candidates), unmade
        result = self._stored_result(key)
        begun = self.begun(job, whole, result)
        if begun and not begun.missing:
            key, result = begun.key, first_of(begun.result, step.candidates)
        came = result
        if not (begun and begun.missing):
            result, why = self._judged(job, key, came, taken)
            if why:
                self._fresh.discard(_symbol(whole.key))
                return Decision(step.id, Action.SKIP, Reason.UNFIT, key=key, note=why), Supply(absent=Reason.UNFIT)
            begun = begun if result else None
        if result is None and (refusal := self.refusal(key)):
            self._fresh.discard(_symbol(key))
            note = f"{refusal[0]}: {refusal[1]}"
            return Decision(step.id, Action.SKIP, Reason.MODERATED, key=key, note=note), Supply(absent=Reason.MODERATED)
        if result is None or (begun and begun.missing):
            asked = self.asked(job, symbols, begun) if begun and begun.missing else whole
            return self._sent_before(self._run(job, whole, taken, begun), asked.key), unmade
        if self.no_proxy and result.fidelity == PROXY:
            raise RowError(self._proxy_refused(job))
        self._fresh.discard(_symbol(whole.key))
        chosen, supply = self._handed_on(job, result, taken)
        note = _told(step, chosen, came or result) if chosen else ""
        return Decision(step.id, Action.REUSE, Reason.CACHED, key=key, result=result, note=note, chosen=chosen), supply

    def _handed_on(self, job: Job, result: Result, taken: Mapping[str, Supply]) -> tuple[Chosen | None, Supply]:
        """What goes on of a result; None where there is nothing to choose. Raises RowError."""
        if job.step.candidates < 2:
            blob = result.blobs[0]
            return None, Supply(blob.sha256, blob, step=job.step.id, size=blob.size)
        chosen = self.chosen(job, result.blobs, self.base(taken))
        return chosen, Supply.made(job.step.id, chosen)

    def _run(self, job: Job, whole: Asked, taken: Mapping[str, Supply], begun: Begun | None) -> Decision:
        if begun and begun.key == whole.key:
            note = f"{begun.ahead} of {job.step.candidates} candidates came; asks for the others"
            return Decision(job.step.id, Action.RUN, Reason.FORCED, key=whole.key, note=note, images=begun.missing)
        reason, changes = self._why(job, whole.key, whole.parts, taken)
        images = begun.missing if begun else job.step.candidates
        note = f"{begun.ahead} of {job.step.candidates} candidates are there" if begun else ""
        return Decision(job.step.id, Action.RUN, reason, changes, whole.key, note=note, images=images)

    def _unmade(self, job: Job, key: str, size: tuple[int, int] | None) -> Supply:
        """What a job hands on whose pictures are still to be made."""
        step, count, key = job.step, job.step.candidates, self._gating.mark(job.step.id, key)
        if count < 2:
            return Supply(f"?{key}", step=step.id, size=size)
        every = tuple(
            Supply(f"?{key}#{number}", step=step.id, size=size) for number in range(1, (step.pick.top or count) + 1)
        )
        if self._chooser.will_wait(step, job.row.key):
            return Supply(step=step.id, size=size, absent=Reason.PARKED, every=() if step.pick.top else every)
        return Supply(f"?{key}", step=step.id, size=size, every=every)

    def _sent_before(self, decision: Decision, key: str) -> Decision:
        """A job that is to run; the request with this key is not paid for again where it was sent before."""
        task = self._underway.of(key)
        if task is None or (self.force and task.state is State.DONE):
            return decision
        usd = None if task.usd_image is None else task.usd
        if task.state is State.UNCERTAIN:
            return replace(decision, reason=Reason.UNCERTAIN, note=task.detail, usd_reserved=usd)
        return replace(decision, reason=Reason.IN_FLIGHT, note=told(task), usd_reserved=usd)

    def refusal(self, key: str) -> tuple[str, str] | None:
        """Code and words with which the provider refused this very request before, unless it shall be asked again."""
        return None if self.retry_refused else self._index.refusal(key)

    def _proxy_refused(self, job: Job) -> Problem:
        name = job.step.function.name
        message = f"{name} needs a generative model here; the draft engine would return a picture stamped DRAFT"
        hint = "Leave out --no-proxy to preview it, or use another backend."
        return about_row(self._plan.recipe.document.problem(job.step.where("uses"), "no-proxy", message, hint), job.row)

    # -- why a job runs

    def _last_key(self, job: Job) -> str | None:
        return self._index.last_key(self._plan.identity, job.address) if self._known_recipe else None

    def _why(self, job: Job, key: str, parts: str, taken: Mapping[str, Supply]) -> tuple[Reason, tuple[Change, ...]]:
        last = self._last_key(job)
        if last is None:
            return Reason.NEW, ()
        if last == key:
            return Reason.OUTPUT_MISSING, ()
        old = self._index.components(last)
        if not old:
            return Reason.NEW, ()
        reason, changes = compare(old, parts)
        if reason is Reason.INPUT_CHANGED and _picked_anew(old[4], taken):
            reason = Reason.PICK_CHANGED
        return reason, changes


def _picked_anew(old: JSON, taken: Mapping[str, Supply]) -> bool:
    """Whether all that is another picture now is only another of the same candidates."""
    before = old if isinstance(old, dict) else {}
    anew = {slot: supply for slot, supply in taken.items() if before.get(slot) != supply.symbol}
    return before.keys() == taken.keys() and all(before[slot] in supply.among for slot, supply in anew.items())


def _told(step: Step, chosen: Chosen, came: Result) -> str:
    """What should be known of a job's candidates."""
    if not chosen.candidates:
        return ""
    parts, count = [], len(came.blobs)
    if count < step.candidates:
        parts.append(f"only {count} of {step.candidates} candidates came")
    if unfit := count - len(chosen.candidates):
        parts.append(f"{unfit} of {count} candidates failed the gate")
    parts += ["what was picked is no candidate any more"] * chosen.stale
    return "; ".join([*parts, *["waits for a pick"] * chosen.is_open])


def left_out(step: Step) -> tuple[Decision, Supply]:
    """What becomes of a job that is not selected and has no picture."""
    return Decision(step.id, Action.SKIP, Reason.EXCLUDED), Supply(absent=Reason.EXCLUDED, step=step.id)


def idling(decision: Decision, supply: Supply) -> tuple[Decision, Supply]:
    """What becomes of a job of which only frozen results are made: its stored picture is there, or it has none."""
    if decision.reason is not Reason.EXCLUDED:
        return decision, supply
    action = Action.REUSE if decision.result else Action.SKIP
    return replace(decision, action=action, reason=Reason.CACHED if decision.result else Reason.FROZEN), supply


def _is_unmade(made: Decision) -> bool:
    """Whether a picture is yet to be made, by this job or by one of which it is the same work."""
    return made.result is None and made.action is not Action.SKIP


def _symbol(key: str) -> bytes:
    return bytes.fromhex(key)[:16]
