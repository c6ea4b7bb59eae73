"""One job and what the store knows -> RUN, REUSE, LATER or SKIP, and why. The only place that decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wanflow.backends import Backend
from wanflow.errors import Problem
from wanflow.functions import sizes
from wanflow.language import hints
from wanflow.language.expand import Expansion, Job, RowError, about_row, key_head, key_of, key_parts
from wanflow.language.recipe import Guard, Step
from wanflow.manifests.rows import Manifest
from wanflow.model import Action, Change, Decision, Reason, Ref, RefKind, Row
from wanflow.planning.fanin import FanIn
from wanflow.planning.planned import Plan, RowPlan
from wanflow.planning.reasons import compare
from wanflow.planning.supply import Supplier, Supply
from wanflow.project import Options
from wanflow.store.index import Index

PROXY = "proxy"
Supplies = Mapping[str, Supply]


class Decider:
    """Decides the jobs of one plan, row after row: `begin` and `end` tell where one starts and is settled.

    `bad_keys` are those whose stored picture turned out to be gone or damaged.
    """

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
    ) -> None:
        self.force, self.no_proxy, self.retry_refused = options.force, options.no_proxy, options.retry_refused
        self.fingerprints = {step.id: backend.fingerprint(step) for step in plan.steps}
        self.key_heads = {step.id: key_head(step.function.name, self.fingerprints[step.id]) for step in plan.steps}
        self.bad_keys: set[str] = set()
        self._plan, self._expansion, self._supplier, self._fan_in = plan, expansion, supplier, fan_in
        self._manifest, self._index, self._backend = manifest, index, backend
        self._known_recipe = index.knows_recipe(plan.identity)
        self._planned: set[bytes] = set()
        self._fresh: set[bytes] = set()

    def begin(self) -> None:
        """A row is decided from here on, perhaps once more."""
        self._fresh = set()

    def end(self, entry: RowPlan) -> None:
        """A row is decided; what it makes is not made again."""
        # What is stored already is known by its content; only what is yet to be made is known by its key alone.
        self._planned.update(_symbol(made.key) for made in entry.decisions if made.key and not made.result)

    def forget(self, entry: RowPlan) -> None:
        """A row will be decided anew."""
        self._planned.difference_update(_symbol(made.key) for made in entry.decisions if made.key)

    def decide(self, step: Step, row: Row, supplies: Supplies, *, selected: bool) -> tuple[Decision, Supply]:
        """What happens to a job and what it hands on; `supplies` are of the row's steps before. Raises RowError."""
        if step.id in self._expansion.broken:
            return Decision(step.id, Action.SKIP, Reason.REFUSED), Supply(absent=Reason.REFUSED)
        if stopped := self._expansion.stopped(step, row):
            return self._not_running(step, stopped, row, supplies, afresh=self.force and selected)
        taken = self._taken(step, row, supplies, afresh=self.force and selected)
        for supply in taken.values():
            if supply.absent is Reason.EXCLUDED:
                return self._unselected(step, row, supply) if selected else left_out(step)
            if supply.absent:
                return Decision(step.id, Action.SKIP, supply.absent, note=supply.why), Supply(absent=supply.absent)
        self._supplier.check(step, row, taken)
        job = self._expansion.job(step, row)
        if self.no_proxy and selected and self._backend.foresee(step, job.parameters) == PROXY:
            raise RowError(self._proxy_refused(job))
        among = {slot: supply.size for slot, supply in taken.items()}
        size = self._expansion.size(job, among)
        symbols = {slot: supply.symbol for slot, supply in taken.items()}
        if region := self._expansion.region(step, row, sizes.base(among)):
            symbols[hints.REGION] = hints.symbol(region)
        return self._choose(job, symbols, taken, size) if selected else self._stored(job, symbols, taken)

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
        key = key_of(key_parts(self.key_heads[job.step.id], job.parameters_text, symbols))
        known = all(supply.blob for supply in taken.values()) and key not in self.bad_keys
        if not known or (result := self._index.result(key)) is None:
            return left_out(job.step)
        blob = result.blobs[0]
        decision = Decision(job.step.id, Action.SKIP, Reason.EXCLUDED, key=key, result=result)
        return decision, Supply(blob.sha256, blob, step=job.step.id, size=blob.size)

    def _taken(self, step: Step, row: Row, supplies: Supplies, *, afresh: bool) -> dict[str, Supply]:
        """What a step takes, by slot; of steps.ID.all what is skipped is left out, unless all is. Raises RowError."""
        taken: dict[str, Supply] = {}
        several: list[Supply] = []
        for slot, ref in step.inputs.items():
            if ref.every:
                found = self._gathered(ref) if self._fan_in.gathers(step, ref) else map(supplies.__getitem__, ref.every)
                several += [supply for supply in found if supply.absent is not Reason.SKIPPED]
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
            return Decision(step.id, Action.SKIP, Reason.BYPASSED, instead=stopped.instead), supply
        if stopped.otherwise == "fail":
            where, message = (*stopped.where, "when"), f"{stopped.step}: when is false"
            raise RowError(about_row(self._plan.recipe.document.problem(where, "when", message), row))
        return Decision(step.id, Action.SKIP, Reason.SKIPPED), Supply(absent=Reason.SKIPPED)

    def _choose(
        self,
        job: Job,
        symbols: Mapping[str, str],
        taken: Mapping[str, Supply],
        size: tuple[int, int] | None,
    ) -> tuple[Decision, Supply]:
        parts = key_parts(self.key_heads[job.step.id], job.parameters_text, symbols)
        key = key_of(parts)
        known = all(supply.blob for supply in taken.values())
        unmade = Supply(f"?{key}", step=job.step.id, size=size)
        if _symbol(key) in self._planned or _symbol(key) in self._fresh:
            return Decision(job.step.id, Action.REUSE, Reason.CACHED, key=key, note="same work as another job"), unmade
        self._fresh.add(_symbol(key))
        unfetched = {supply.url for supply in taken.values() if supply.url}
        self._plan.fetches |= unfetched
        if self.force:
            return Decision(job.step.id, Action.RUN, Reason.FORCED, key=key), unmade
        if not known:
            first = all(supply.blob or supply.url for supply in taken.values())
            return Decision(job.step.id, Action.LATER, Reason.FETCH if first else Reason.UPSTREAM, key=key), unmade
        result = None if key in self.bad_keys else self._index.result(key)
        if result is None and (refusal := self.refusal(key)):
            self._fresh.discard(_symbol(key))
            note = f"{refusal[0]}: {refusal[1]}"
            return Decision(job.step.id, Action.SKIP, Reason.MODERATED, key=key, note=note), Supply(
                absent=Reason.MODERATED
            )
        if result is None:
            reason, changes = self._why(job, key, parts)
            return Decision(job.step.id, Action.RUN, reason, changes, key), unmade
        if self.no_proxy and result.fidelity == PROXY:
            raise RowError(self._proxy_refused(job))
        self._fresh.discard(_symbol(key))
        blob = result.blobs[0]
        supply = Supply(blob.sha256, blob, step=job.step.id, size=blob.size)
        return Decision(job.step.id, Action.REUSE, Reason.CACHED, key=key, result=result), supply

    def refusal(self, key: str) -> tuple[str, str] | None:
        """Code and words with which the provider refused this very request before, unless it shall be asked again."""
        return None if self.retry_refused else self._index.refusal(key)

    def _proxy_refused(self, job: Job) -> Problem:
        name = job.step.function.name
        message = f"{name} needs a generative model here; the draft engine would return a picture stamped DRAFT"
        hint = "Leave out --no-proxy to preview it, or use another backend."
        return about_row(self._plan.recipe.document.problem(job.step.where("uses"), "no-proxy", message, hint), job.row)

    # -- why a job runs

    def _why(self, job: Job, key: str, parts: str) -> tuple[Reason, tuple[Change, ...]]:
        last = self._index.last_key(self._plan.identity, job.address) if self._known_recipe else None
        if last is None:
            return Reason.NEW, ()
        if last == key:
            return Reason.OUTPUT_MISSING, ()
        old = self._index.components(last)
        return compare(old, parts) if old else (Reason.NEW, ())


def left_out(step: Step) -> tuple[Decision, Supply]:
    """What becomes of a job that is not selected and has no picture."""
    return Decision(step.id, Action.SKIP, Reason.EXCLUDED), Supply(absent=Reason.EXCLUDED, step=step.id)


def _symbol(key: str) -> bytes:
    return bytes.fromhex(key)[:16]
