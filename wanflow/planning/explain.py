"""Why a job runs or not, what its key is made of against the last time, what would be sent, and where its picture goes.

Drawn from a plan in which the jobs that are asked for were looked at; nothing is sent or written for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wanflow.canon import JSON, canonical
from wanflow.language.expand import key_of
from wanflow.language.recipe import Step
from wanflow.model import RUN, Action, Blob, Call, Decision, Publication, Reason, Ref, RefKind, Terms
from wanflow.planning.decide import Resolved
from wanflow.planning.plan import Planner
from wanflow.planning.planned import Plan, RowPlan, origin
from wanflow.planning.supply import Supply
from wanflow.planning.targets import out_of_place
from wanflow.record import money, stamp
from wanflow.store.history import Made

FORMAT_VERSION = 1
SHORT = 12  # letters of a digest that people are shown
_PENDING = (Action.RUN, Action.LATER)


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a key, now and when the job was last done, as JSON values; None where there is none, `known` false
    while it hangs on a job that is still to run. `last` is meaningless where nothing is known of a last time.
    """

    field: str
    now: JSON
    last: JSON
    known: bool = True

    @property
    def changed(self) -> bool:
        """Whether it differs from the last time, as far as that is known."""
        return self.known and self.now != self.last


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture that a job takes: by slot, from a job (0001/prep), a file or a URL; its content, if that is known."""

    slot: str
    job: str | None
    file: str | None
    blob: Blob | None
    size: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Target:
    """An output file of a job: `state` is stands, missing, edited or to_come."""

    output: str
    path: str
    state: str


@dataclass(frozen=True, slots=True)
class JobExplanation:
    """One job. `request` is what would be sent or done, None where the job can't be; `usd` is None where no price is
    known; `last` is what the job made when it was last done, `result` what it has now.
    """

    row: str
    step: Step
    decision: Decision
    terms: Terms
    usd: Decimal | None
    key: str | None
    components: tuple[Component, ...]
    last: Made | None
    result: Made | None
    takes: tuple[Taken, ...]
    request: Mapping[str, JSON] | None
    feeds: tuple[str, ...]
    targets: tuple[Target, ...]

    @property
    def job(self) -> str:
        """Its address."""
        return f"{self.row}/{self.step.id}"


def explain(planner: Planner) -> Iterator[JobExplanation]:
    """Every job that the planner was asked to explain, in the plan's order."""
    for place, entry in enumerate(planner.plan.entries):
        chosen = planner.explained.of(entry.key) if planner.explained else ()
        if isinstance(entry, RowPlan):
            for step, decision in zip(planner.plan.level(entry).steps, entry.decisions, strict=True):
                if step.id in chosen:
                    yield _Explainer(planner, place, entry, step, decision).explained()


class _Explainer:
    """One job of a plan."""

    def __init__(self, planner: Planner, place: int, entry: RowPlan, step: Step, decision: Decision) -> None:
        self._planner, self._plan, self._index = planner, planner.plan, planner.index
        self._place, self._entry, self._step, self._decision = place, entry, step, decision
        self._address = f"{entry.key}/{step.id}"
        self._resolved: Resolved | None = planner.decider.resolved.get(self._address)

    def explained(self) -> JobExplanation:
        decision, terms = self._decision, self._plan.terms[self._step.id]
        last_key = self._index.last_key(self._plan.identity, self._address)
        last = self._index.remembered(last_key) if last_key else None
        usd = None if terms.usd is None else terms.usd * decision.images
        return JobExplanation(
            self._entry.key,
            self._step,
            decision,
            terms,
            usd if decision.action in _PENDING else Decimal(0),
            (*decision.tried, decision.key)[0] if self._is_settled else None,  # what is told of is the first try
            tuple(self._components(last)),
            last,
            self._index.remembered(decision.key) if decision.result and decision.key else None,
            tuple(self._takes()),
            self._request(),
            tuple(self._address_of(step) for step in self._siblings() if self._step.id in step.needs),
            tuple(self._targets()),
        )

    @property
    def _is_settled(self) -> bool:
        """Whether all that the key is made of is known."""
        return bool(self._resolved and all(supply.blob for supply in self._resolved.taken.values()))

    def _siblings(self) -> tuple[Step, ...]:
        """The steps that may take its picture as one of this row."""
        level = self._plan.level(self._entry).steps
        return (*level, *(step for step in self._plan.run_level.steps if step not in level))

    def _address_of(self, step: Step) -> str:
        return f"{RUN if step.per_run else self._entry.key}/{step.id}"

    # -- the key

    def _components(self, last: Made | None) -> Iterator[Component]:
        if self._resolved is None:
            return
        before = _named(last.components) if last else {}
        now = _named(json.loads(self._resolved.parts))
        for field in dict.fromkeys([*now, *before]):
            value = now.get(field)
            unknown = field.startswith("input ") and isinstance(value, str) and value[:1] in ("?", "")
            yield Component(field, None if unknown else value, before.get(field), known=not unknown)

    # -- what it takes and sends

    def _takes(self) -> Iterator[Taken]:
        taken = self._resolved.taken if self._resolved else {}
        sources = self._plan.sources(self._place, self._step)
        for slot, supply in taken.items():
            # Of several candidates each is a picture, and those of another row are told without it.
            at, ref = sources.get(slot, (self._place, None)) if len(sources) == len(taken) else (self._place, None)
            name = ref.name if ref and ref.kind is RefKind.STEP else supply.step
            entry = self._plan.entries[at]
            job = f"{entry.key}/{name}" if name in self._plan.level(entry).numbers else name
            yield Taken(slot, job, supply.file, supply.blob, supply.size)

    def _request(self) -> Mapping[str, JSON] | None:
        if not (resolved := self._resolved):
            return None
        taken = {one.slot: one for one in self._takes()}
        pictures = {slot: _placeholder(supply, taken[slot]) for slot, supply in resolved.taken.items()}
        inputs = {slot: ("", supply.symbol) for slot, supply in resolved.taken.items()}
        name, parameters = self._step.function.name, resolved.parameters
        call = Call(key_of(resolved.parts), name, parameters, inputs, resolved.region, self._step.model)
        # In an order of their own, since parameters come in none.
        return {
            name: json.loads(canonical(value)) for name, value in self._planner.backend.preview(call, pictures).items()
        }

    # -- where it goes

    def _targets(self) -> Iterator[Target]:
        restores = {restore.path: restore for restore in self._entry.restores}
        level = self._plan.level(self._entry)
        for output in self._planner.targets.of(self._entry.row):
            path = self._entry.paths.get(output.name)
            ref = output.ref
            if path is None or ref.kind is not RefKind.STEP or ref.name not in level.numbers:
                continue
            if origin(ref, self._entry.decisions, level) == Ref(RefKind.STEP, self._step.id):
                yield Target(output.name, path, self._state(restores.get(path)))

    def _state(self, restore: Publication | None) -> str:
        if self._decision.result is None:
            return "to_come"
        if restore is None:
            return "stands"
        why = out_of_place(restore, self._planner.project.root, self._index)
        return "edited" if why is Reason.OUTPUT_MODIFIED else "missing"


def _named(components: list[Any]) -> dict[str, JSON]:
    """What a key is made of (see expand.key_parts), by name."""
    _, function, backend, parameters, inputs, *take = components
    both = ((f"parameter {name}", value) for name, value in sorted(_map(parameters).items()))
    slots = ((f"input {slot}", value) for slot, value in sorted(_map(inputs).items()))
    further = {"take": take[0]} if take and take[0] is not None else {}
    return {"function": function, "backend": backend, **dict(both), **dict(slots), **further}


def _map(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}


def _placeholder(supply: Supply, taken: Taken) -> str:
    """What stands for a picture in a request that is only shown."""
    if supply.blob:
        return f"<picture {supply.blob.sha256[:SHORT]}>"
    return f"<picture of {taken.job}>" if taken.job else f"<picture from {taken.file}>"


# -- as JSON (schema: schemas/explain.schema.json)


def jobs_json(plan: Plan, found: Iterable[JobExplanation]) -> dict[str, JSON]:
    """All that was asked for."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "jobs",
        "recipe": plan.recipe.name,
        "backend": plan.backend,
        "place": plan.place,
        "jobs": [_job_json(job) for job in found],
        "problems": [problem.json() for problem in plan.problems],
        "notes": list(plan.notes),
    }


def _job_json(job: JobExplanation) -> dict[str, JSON]:
    decision, limits = job.decision, job.terms.limits
    return {
        "job": job.job,
        "function": job.step.function.name,
        "model": job.step.model,
        "action": decision.action.value,
        "reason": decision.reason.value,
        "changes": [{"field": one.field, "old": one.old, "new": one.new} for one in decision.changes],
        "note": decision.note,
        "key": job.key,
        "components": [
            {"field": one.field, "known": one.known, "now": one.now, "last": one.last, "changed": one.changed}
            for one in job.components
        ],
        "last": made_json(job.last),
        "result": made_json(job.result),
        "takes": [
            {
                "slot": one.slot,
                "job": one.job,
                "file": one.file,
                "sha256": one.blob.sha256 if one.blob else None,
                "width": one.size[0] if one.size else None,
                "height": one.size[1] if one.size else None,
            }
            for one in job.takes
        ],
        "request": None if job.request is None else dict(job.request),
        "fidelity": job.result.result.fidelity if job.result else job.terms.fidelity,
        "usd": money(job.usd),
        "seconds": job.terms.seconds,
        "lane": {"name": job.terms.lane, "slots": limits.slots, "per_second": limits.per_second},
        "feeds": list(job.feeds),
        "outputs": [{"output": one.output, "path": one.path, "state": one.state} for one in job.targets],
    }


def made_json(made: Made | None) -> dict[str, JSON] | None:
    """A result and its making."""
    if made is None:
        return None
    result, making = made.result, made.making
    return {
        "key": made.key,
        "sha256": result.blobs[0].sha256,
        "width": result.blobs[0].width,
        "height": result.blobs[0].height,
        "fidelity": result.fidelity,
        "warnings": list(result.warnings),
        "task_id": result.task_id,
        "images_paid": result.billed,
        "usd": money(made.usd),
        "run": making.run or None,
        "made": stamp(making.at) if making.at else None,
        "kept": made.kept,
    }
