"""The plan as a value: text, JSON and the run itself are drawn from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import repeat
from typing import Any

from wanflow.amounts import dollars, exact
from wanflow.errors import Problem
from wanflow.language.recipe import Recipe, Step
from wanflow.links.urls import Url
from wanflow.model import RUN, Action, Decision, Publication, Reason, Ref, RefKind, Row, Source, Terms, Totals
from wanflow.planning.forecast import PLAYED, Forecast, Work, duration, forecast, varied


class Level:
    """The steps that run once a row, or those that run once for the whole run; `first` is the place of the first one
    among all steps of the plan, `numbers` are places among these.
    """

    def __init__(self, steps: Sequence[Step], first: int) -> None:
        self.steps, self.first = tuple(steps), first
        self.numbers = {step.id: number for number, step in enumerate(steps)}


@dataclass(frozen=True, slots=True)
class RowPlan:
    """What happens to one row: a decision a step in order, output paths, files to put back, and the files read, or URLs
    that are fetched first.

    The steps that run once for the whole run are planned as a row with the key `run`, the last one.
    """

    row: Row
    decisions: tuple[Decision, ...]
    paths: Mapping[str, str]
    restores: tuple[Publication, ...] = ()
    inputs: tuple[Source | Url, ...] = ()

    @property
    def key(self) -> str:
        """The row's key."""
        return self.row.key


def origin(ref: Ref, decisions: Sequence[Decision], level: Level) -> Ref:
    """What a reference means in a row once bypassed steps are seen through."""
    while ref.kind is RefKind.STEP and (instead := decisions[level.numbers[ref.name]].instead):
        ref = instead
    return ref


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A row that is not looked at: nothing about it changed since it was last fully done, or nothing of it is selected.

    `shape` has a letter for each of its steps.
    """

    key: str
    shape: str


@dataclass(slots=True)
class Plan:
    """The list of what would happen. Text, JSON and the run itself are drawn from this one value.

    `resubmits` says that what is uncertain is sent again; `flags` tell what was said beside the recipe.
    """

    recipe: Recipe
    identity: str
    backend: str
    place: str
    steps: tuple[Step, ...]
    entries: list[RowPlan | Unchanged] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    by_step: dict[str, Counter[Action]] = field(default_factory=dict)
    images: Counter[tuple[str, Action]] = field(default_factory=Counter)
    why: Counter[tuple[str, Action, Reason, tuple[str, ...]]] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    fatal: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    fetches: set[Url] = field(default_factory=set)
    terms: dict[str, Terms] = field(default_factory=dict)
    forecast: Forecast = field(default_factory=Forecast)
    resubmits: bool = False
    flags: list[str] = field(default_factory=list)
    _sent: Counter[str] = field(default_factory=Counter)
    _rerolls: Counter[str] = field(default_factory=Counter)
    _reroll_images: Counter[str] = field(default_factory=Counter)
    _sent_images: Counter[str] = field(default_factory=Counter)
    row_level: Level = field(init=False)
    run_level: Level = field(init=False)

    def __post_init__(self) -> None:
        rows = [step for step in self.steps if not step.per_run]
        self.row_level, self.run_level = Level(rows, 0), Level(self.steps[len(rows) :], len(rows))

    def level(self, entry: RowPlan | Unchanged | Row) -> Level:
        """The steps of an entry or row."""
        return self.run_level if entry.key == RUN else self.row_level

    @property
    def rows(self) -> list[RowPlan | Unchanged]:
        """The entries of rows, without that of the whole run."""
        return self.entries[:-1] if self.entries and self.entries[-1].key == RUN else self.entries

    def sources(self, place: int, step: Step) -> dict[str, tuple[int, Ref]]:
        """Where a job's pictures come from: by slot, the place of the entry and what is meant there.

        Bypassed steps are seen through; of `steps.ID.all`, what is skipped is left out.
        """
        found, several = {}, []
        for slot, ref in step.inputs.items():
            if slot.startswith("images."):
                several += self._pictures(place, step, ref)
            else:
                found[slot] = (place, self._origin(place, ref))
        return found | {f"images.{number}": source for number, source in enumerate(several)}

    def _pictures(self, place: int, step: Step, ref: Ref) -> list[tuple[int, Ref]]:
        if not ref.every:
            return [(place, self._origin(place, ref))]
        gathers = step.per_run and ref.every[0] in self.row_level.numbers
        places = range(len(self.rows)) if gathers else (place,)
        return [(at, self._origin(at, one)) for at in places for one in ref.each if not self._is_skipped(at, one.name)]

    def _origin(self, place: int, ref: Ref) -> Ref:
        entry = self.entries[place]
        return origin(ref, entry.decisions, self.level(entry)) if isinstance(entry, RowPlan) else ref

    def _is_skipped(self, place: int, step: str) -> bool:
        entry = self.entries[place]
        number = self.level(entry).numbers[step]
        if isinstance(entry, Unchanged):
            return SHAPES[entry.shape[number]][1] is Reason.SKIPPED
        decision = entry.decisions[number]
        unfit = decision.failed_gate and self.level(entry).steps[number].when_unfit == "skip"
        return decision.reason is Reason.SKIPPED or unfit

    def lacks_pictures(self, place: int, step: Step) -> bool:
        """Whether what a job takes is skipped, so that it is skipped as well."""
        refs = [ref for ref in step.inputs.values() if not ref.every]
        origins = [self._origin(place, ref) for ref in refs]
        if any(ref.kind is RefKind.STEP and self._is_skipped(place, ref.name) for ref in origins):
            return True
        return "images.0" in step.inputs and not any(slot.startswith("images.") for slot in self.sources(place, step))

    def row_plan(self, place: int) -> RowPlan:
        """The plan of a row that is not recognised whole."""
        entry = self.entries[place]
        assert isinstance(entry, RowPlan)  # noqa: S101 - told to mypy
        return entry

    def settle(self, place: int, step: str, reason: Reason, **more: Any) -> None:
        """What a run found out of a job: that it has no picture of its own after all."""
        entry, decided = self.row_plan(place), Decision(step, Action.SKIP, reason, **more)
        decisions = tuple(decided if decision.step == step else decision for decision in entry.decisions)
        self.entries[place] = replace(entry, decisions=decisions)

    @property
    def nothing_to_do(self) -> bool:
        """True when a run would neither do a job nor write a file."""
        return not (self.totals.run or self.totals.later or self.totals.restore or self.fetches)

    @property
    def over_budget(self) -> str:
        """In words, when the recipe's budget does not allow what this may cost; else empty."""
        budget, totals = self.recipe.budget, self.totals
        if budget is None or not (totals.usd_worst > budget or totals.unpriced):
            return ""
        if totals.unpriced:
            return f"{totals.unpriced} images have no known price, and the recipe's budget is {exact(budget)}"
        return f"this may cost {dollars(totals.usd_worst)}, and the recipe's budget is {exact(budget)}"

    def decisions(self) -> Iterator[tuple[str, Decision]]:
        """Every (row key, decision) in order; those of unchanged rows are made on the way."""
        for entry in self.entries:
            if isinstance(entry, Unchanged):
                for step, letter in zip(self.level(entry).steps, entry.shape, strict=True):
                    yield entry.key, Decision(step.id, *SHAPES[letter])
            else:
                for decision in entry.decisions:
                    yield entry.row.key, decision

    def looked_at(self) -> Iterator[tuple[str, Decision]]:
        """The same without unchanged rows, of which nothing is to be done or told."""
        for entry in self.entries:
            if isinstance(entry, RowPlan):
                yield from ((entry.row.key, decision) for decision in entry.decisions)

    def why_counts(self, *reasons: Reason) -> Iterator[int]:
        """How many jobs there are for one of these reasons, in parts."""
        return (number for (_, _, reason, _), number in self.why.items() if reason in reasons)

    def step_usd(self, step: str) -> Decimal | None:
        """What the open jobs of a step cost, each of them done once; None when that is not known."""
        usd, images = self.terms[step].usd, self.images_once(step)
        return None if usd is None and images else (usd or Decimal(0)) * images

    def images_once(self, step: str) -> int:
        """How many images of a step are paid for if none has to be made again."""
        return self.to_pay(step).total() - self._reroll_images[step]

    def tally(self) -> None:
        """Count the entries; called once, when all are there."""
        totals, candidates = self.totals, {step.id: step.candidates for step in self.steps}
        rows = self.rows
        for level, entries in ((self.row_level, rows), (self.run_level, self.entries[len(rows) :])):
            for shape, count in Counter(entry.shape for entry in entries if isinstance(entry, Unchanged)).items():
                for step, letter in zip(level.steps, shape, strict=True):
                    action, reason = SHAPES[letter]
                    self.by_step[step.id][action] += count
                    self.why[step.id, action, reason, ()] += count
        for entry in self.entries:
            if isinstance(entry, RowPlan):
                totals.restore += len(entry.restores)
                for decision in entry.decisions:
                    self._note_sent(decision)
                    self.by_step[decision.step][decision.action] += 1
                    if decision.action is not Action.SKIP or decision.reason is Reason.PARKED:
                        self.images[decision.step, decision.action] += decision.images
                        self._note_rerolls(decision, candidates[decision.step])
                    totals.parked += decision.reason is Reason.PARKED
                    totals.picks += bool(decision.chosen and decision.chosen.is_open)
                    changes = tuple(change.field for change in decision.changes)
                    self.why[decision.step, decision.action, decision.reason, changes] += 1
        for step in self.steps:
            self._count_step(step)
        limits = {terms.lane: terms.limits for terms in self.terms.values()}
        self.forecast = forecast(*self._works(), limits)
        totals.seconds = totals.seconds_worst = self.forecast.seconds
        if self._rerolls.total():
            totals.seconds_worst = max(totals.seconds, duration(*self._works(worst=True), limits))

    def _works(self, *, worst: bool = False) -> tuple[list[Work], dict[str, tuple[int, float]]]:
        """The first open jobs, and the number and the seconds of the others, by lane; in the `worst` case with all that
        may have to be made again, one after the other.
        """
        works: list[Work] = []
        numbers: dict[tuple[int, str], int] = {}
        rest: dict[str, tuple[int, float]] = {}
        for place, entry in enumerate(self.entries):
            for step, is_again in self._open(entry, worst=worst):
                terms = self.terms[step.id]
                if len(works) < PLAYED:
                    sources = {(at, ref.name) for at, ref in self.sources(place, step).values()}
                    sources = {(place, step.id)} if is_again else sources
                    needs = [numbers[one] for one in sources if one in numbers]
                    numbers[place, step.id] = len(works)
                    works.append(Work(terms.lane, varied(terms, len(works)), needs, terms.unseen))
                else:
                    number, seconds = rest.get(terms.lane, (0, 0.0))
                    rest[terms.lane] = (number + 1, seconds + terms.seconds)
        return works, rest

    def _open(self, entry: RowPlan | Unchanged, *, worst: bool) -> Iterator[tuple[Step, bool]]:
        """The steps of an entry that are to be done, or may be, and in the `worst` case again."""
        if isinstance(entry, RowPlan):
            for step, decision in zip(self.level(entry).steps, entry.decisions, strict=True):
                if decision.action in (Action.RUN, Action.LATER):
                    yield step, False
                if worst and decision.action is not Action.SKIP:
                    yield from repeat((step, True), decision.rerolls)

    def is_paid(self, step: str) -> bool:
        """Whether jobs of a step cost somebody's money, if any are to be done."""
        terms = self.terms[step]
        return terms.paid or terms.usd is None or bool(terms.usd)

    def _note_rerolls(self, decision: Decision, candidates: int) -> None:
        """Count what may have to be made again, also of what is another job's work, but judged by another gate."""
        parked = decision.action is Action.SKIP
        self._rerolls[decision.step] += 0 if parked else decision.rerolls
        self._reroll_images[decision.step] += 0 if parked else decision.rerolls * candidates
        self.images[decision.step, Action.SKIP if parked else Action.LATER] += decision.rerolls * candidates

    def _note_sent(self, decision: Decision) -> None:
        """Count a job whose task was sent before, and is not sent again."""
        if decision.action is Action.RUN and not self.costs(decision):
            self._sent[decision.step] += 1
            self._sent_images[decision.step] += decision.images
        if decision.reason is Reason.IN_FLIGHT:
            self.totals.in_flight += 1
            self.totals.usd_reserved += decision.usd_reserved or 0
        elif decision.reason is Reason.UNCERTAIN:
            self.totals.uncertain += 1
            self.totals.usd_uncertain += decision.usd_reserved or 0

    def costs(self, decision: Decision) -> bool:
        """Whether a run sends a job's task, or may; not where it was sent before."""
        if decision.reason is Reason.UNCERTAIN:
            return self.resubmits
        return decision.action in (Action.RUN, Action.LATER) and decision.reason is not Reason.IN_FLIGHT

    def to_pay(self, step: str) -> Counter[Action]:
        """How many images of a step a run asks for and pays, surely (RUN) or perhaps (LATER)."""
        images = {action: self.images[step, action] for action in (Action.RUN, Action.LATER)}
        return Counter(images) - Counter({Action.RUN: self._sent_images[step]})

    def _open_jobs(self, step: Step) -> int:
        return self.by_step[step.id][Action.RUN] + self.by_step[step.id][Action.LATER]

    def _open_images(self, step: Step) -> int:
        return self.images[step.id, Action.RUN] + self.images[step.id, Action.LATER]

    def _count_step(self, step: Step) -> None:
        totals, counts = self.totals, self.by_step[step.id]
        totals.jobs += counts.total()
        totals.run += counts[Action.RUN]
        totals.reuse += counts[Action.REUSE]
        totals.later += counts[Action.LATER]
        totals.skip += counts[Action.SKIP]
        open_images, after = self._open_images(step), self.images[step.id, Action.SKIP]
        totals.images += open_images
        totals.images_after += after
        usd, to_pay = self.terms[step.id].usd, self.to_pay(step.id)
        if usd is None:
            totals.unpriced += to_pay.total()
            totals.usd_after = None if after else totals.usd_after
        if not self.is_paid(step.id):
            return
        totals.images_paid_after += after
        if totals.usd_after is not None:
            totals.usd_after += (usd or 0) * after
        totals.paid_tasks += self._open_jobs(step) - self._sent[step.id] + self._rerolls[step.id]
        totals.images_paid += to_pay.total()
        totals.usd += (usd or 0) * to_pay[Action.RUN]
        totals.rerolls += self._rerolls[step.id]
        totals.images_rerolled += self._reroll_images[step.id]
        totals.usd_expected += (usd or 0) * self.images_once(step.id)
        totals.usd_worst += (usd or 0) * to_pay.total()


EXCLUDED = "x"
SHAPES = {
    "r": (Action.REUSE, Reason.CACHED),
    "b": (Action.SKIP, Reason.BYPASSED),
    "s": (Action.SKIP, Reason.SKIPPED),
    EXCLUDED: (Action.SKIP, Reason.EXCLUDED),
}
_LETTERS = {Reason.BYPASSED: "b", Reason.SKIPPED: "s"}


def shape_of(reasons: Iterator[Reason]) -> str:
    """The shape of a fully done row: a letter a step."""
    return "".join(_LETTERS.get(reason, "r") for reason in reasons)
