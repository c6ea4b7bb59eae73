"""What a reviewer reads of a plan, as values: the first line, a line a step, what changed for which rows.

Text, Markdown and HTML are drawn from these; nothing is decided here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice

from wanflow.amounts import exact
from wanflow.language.recipe import Step
from wanflow.model import Action, Change, Decision, Reason
from wanflow.planning.forecast import Forecast, LaneForecast
from wanflow.planning.planned import Plan, Unchanged
from wanflow.telling.worddiff import Part, compared, shortened
from wanflow.telling.words import count, dollars, duration

REASONS = {
    Reason.NEW: "new",
    Reason.INPUT_CHANGED: "its image changed",
    Reason.PARAMS_CHANGED: "parameters changed",
    Reason.FUNCTION_CHANGED: "function changed",
    Reason.MODEL_CHANGED: "model changed",
    Reason.OUTPUT_MISSING: "output file not there",
    Reason.OUTPUT_MODIFIED: "output file was edited",
    Reason.UPSTREAM: "known after the step before it",
    Reason.FETCH: "known once its picture is fetched",
    Reason.FORCED: "forced",
    Reason.IN_FLIGHT: "in flight: adopted, not paid again",
    Reason.UNCERTAIN: "uncertain: it may be paid for already",
    Reason.CACHED: "",
    Reason.BYPASSED: "when is false: its image goes on",
    Reason.SKIPPED: "when is false, or what it needs is skipped",
    Reason.REFUSED: "refused, see the problems",
    Reason.MODERATED: "refused by the service before; --retry-refused asks again",
    Reason.EXCLUDED: "not selected",
    Reason.UNFIT: "failed its gate, or what it needs did",
    Reason.REROLLED: "made again: what is there failed its gate",
    Reason.PARKED: "waits for a pick",
    Reason.PICK_CHANGED: "another candidate was picked",
    Reason.TAKE: "another take",
    Reason.FROZEN: "frozen",
}
OPEN = (Action.RUN, Action.LATER)
# Rows that are named for one change, and jobs that are in doubt.
NAMED, MOST_DOUBTFUL = 3, 12
# What takes less than so much of the time is worth telling.
WORTH = 0.95
# Characters of a flag with its value that are told.
LONGEST = 120


# -- the first line


def headline(plan: Plan) -> str:
    """The whole truth in a line: "demo at DashScope, cn-beijing: 22 paid tasks, 30 images, $0.60 (worst case $0.68),
    12 free jobs, about 2 min 10 s; 2,974 reused".
    """
    return f"{plan.recipe.name} {where(plan)}: {summary(plan)}"


def summary(plan: Plan) -> str:
    """The same without the recipe's name and who does the work, in words of ours only."""
    rest = [f"{plan.totals.reuse:,} reused"]
    if refused := sum(plan.why_counts(Reason.REFUSED, Reason.MODERATED)):
        rest.append(f"{refused:,} refused")
    return f"{', '.join(_work(plan))}; {', '.join(rest)}"


def _work(plan: Plan) -> Iterator[str]:
    totals = plan.totals
    jobs = totals.run + totals.later
    files = f"{count(totals.restore, 'file')} to put in place"
    if not jobs:
        idle = "nothing to do" if totals.reuse or not plan.problems else "nothing can run"
        idle = "nothing to do before candidates are picked" if totals.picks else idle
        yield f"no jobs to run, {files}" if totals.restore else "no jobs to run" if plan.fetches else idle
        return
    if totals.paid_tasks:
        tasks = totals.paid_tasks - totals.rerolls
        yield count(tasks, "paid task")
        yield count(totals.images_paid - totals.images_rerolled, "image")
        yield cost(plan)
        if free := jobs - tasks:
            yield count(free, "free job")
    else:
        yield count(jobs, "job")
        yield cost(plan)
    if totals.restore:
        yield files
    told, worst = duration(totals.seconds), duration(totals.seconds_worst)
    yield f"about {told}" if told == worst else f"about {told} (worst case {worst})"


def where(plan: Plan) -> str:
    """Who does the work, and so where the money goes."""
    return f"at {plan.place}" if plan.place else f"on {plan.backend}"


def cost(plan: Plan) -> str:
    """What a plan costs: "free", "$0.60 (worst case $0.68)"; what has no known price is said so."""
    totals = plan.totals
    if not totals.paid_tasks:
        return "nothing new to pay" if totals.in_flight or totals.uncertain else "free"
    parts = []
    if totals.images_paid > totals.unpriced:
        worst = f" (worst case {dollars(totals.usd_worst)})" if totals.usd_worst != totals.usd_expected else ""
        parts.append(f"{dollars(totals.usd_expected)}{worst}")
    if totals.unpriced:
        parts.append(f"an unknown amount (no price is known for {count(totals.unpriced, 'image')})")
    return " and ".join(parts)


# -- a line a step


@dataclass(frozen=True, slots=True)
class StepLine:
    """One line of the table by step; `cost` is empty for what is free."""

    step: str
    function: str
    fidelity: str
    run: int
    later: int
    reuse: int
    skip: int
    cost: str
    why: str


def step_lines(plan: Plan) -> list[StepLine]:
    """Every step in order."""
    return [_step_line(plan, step) for step in plan.steps]


def _step_line(plan: Plan, step: Step) -> StepLine:
    counts = plan.by_step[step.id]
    return StepLine(
        step.id,
        step.function.name,
        _fidelity(plan, step),
        counts[Action.RUN],
        counts[Action.LATER],
        counts[Action.REUSE],
        counts[Action.SKIP],
        _cost(plan, step),
        _why(plan, step.id),
    )


def _cost(plan: Plan, step: Step) -> str:
    if not plan.is_paid(step.id) or not plan.to_pay(step.id):
        return ""
    usd = plan.step_usd(step.id)
    return "unknown" if usd is None else dollars(usd)


def _fidelity(plan: Plan, step: Step) -> str:
    claim = plan.terms[step.id].fidelity
    if not claim == step.function.fidelity != step.function.best_fidelity:
        return claim
    counts = plan.by_step[step.id]
    if counts[Action.RUN] + counts[Action.LATER] or not counts[Action.REUSE]:
        return f"may be {claim}"
    return _made_before(plan, step) or "as before"


def _made_before(plan: Plan, step: Step) -> str:
    """The fidelity of a step's stored pictures, if they were looked up and are alike."""
    made: set[str] = set()
    for entry in plan.entries:
        if isinstance(entry, Unchanged):
            return ""
        made |= {
            decision.result.fidelity for decision in entry.decisions if decision.step == step.id and decision.result
        }
    return made.pop() if len(made) == 1 else ""


def _why(plan: Plan, step: str) -> str:
    counted: Counter[str] = Counter()
    for (of, action, reason, fields), number in plan.why.items():
        words = reason_text(action, reason)
        if of == step and words:
            counted[f"{words} ({', '.join(fields)})" if fields else words] += number
    total = plan.by_step[step].total()
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(words if number == total else f"{number:,} × {words}" for words, number in ordered)


def reason_text(action: Action, reason: Reason) -> str:
    """A reason as people say it."""
    return "stored picture gone" if action is Action.RUN and reason is Reason.OUTPUT_MISSING else REASONS[reason]


# -- what changed


@dataclass(slots=True)
class Changed:
    """What changed alike for so many jobs of a step, and the first rows of them; a note tells of frozen results and
    failed gates.
    """

    step: str
    changes: tuple[Change, ...]
    note: str
    count: int = 0
    rows: list[str] = field(default_factory=list)

    @property
    def who(self) -> str:
        """The jobs as people name them: 0001/look; 12 × look: 0001, 0002, 0003 …"""
        if self.count == 1:
            return f"{self.rows[0]}/{self.step}"
        more = " …" if self.count > len(self.rows) else ""
        return f"{self.count:,} × {self.step} ({', '.join(self.rows)}{more})"

    @property
    def what(self) -> Iterator[tuple[str, list[Part]]]:
        """Each changed field, and the parts of both values."""
        return ((change.field, shortened(compared(change.old, change.new))) for change in self.changes)


def changed(plan: Plan) -> list[Changed]:
    """What differs from the last run of the same jobs: equal changes of a step together, the most frequent first."""
    found: dict[tuple[str, tuple[Change, ...], str], Changed] = {}
    for row, decision in plan.looked_at():
        note = decision.note if decision.reason is Reason.FROZEN else ""
        note = f"failed its gate: {decision.note}" if decision.failed_gate else note
        if decision.changes or note:
            alike = (decision.step, () if decision.failed_gate else decision.changes, note)
            entry = found.setdefault(alike, Changed(*alike))
            entry.count += 1
            if len(entry.rows) < NAMED:
                entry.rows.append(row)
    return sorted(found.values(), key=lambda entry: -entry.count)


def opened(plan: Plan) -> Iterator[tuple[str, Decision]]:
    """Every job that a run would do, or may do, with its row's key."""
    return ((row, decision) for row, decision in plan.looked_at() if decision.action in OPEN)


# -- beneath


def notes(plan: Plan) -> list[str]:
    """What else should be known before a plan is agreed to."""
    found = [f"with {said(plan)}"] if plan.flags else []
    if plan.totals.restore:
        found.append(f"{count(plan.totals.restore, 'output file')} to put in place from the store")
    found += [*_sent_before(plan), *_picks(plan)]
    if plan.over_budget:
        found.append(f"over budget: {plan.over_budget}; a run is refused")
    return [*found, *(f"note: {note}" for note in plan.notes)]


def said(plan: Plan) -> str:
    """What was said beside the recipe, in a line; long words are cut."""
    flags = (flag if len(flag) <= LONGEST else f"{flag[: LONGEST - 1]}…" for flag in plan.flags)
    return ", ".join(flags)


def _sent_before(plan: Plan) -> Iterator[str]:
    """What the ledger has of the plan's jobs: money that is gone or set aside already, and what nobody can tell."""
    totals = plan.totals
    if totals.in_flight:
        jobs = count(totals.in_flight, "job")
        yield f"in flight: {jobs}, {dollars(totals.usd_reserved)} paid or set aside before; not paid again"
    if totals.uncertain:
        jobs, usd = count(totals.uncertain, "job"), dollars(totals.usd_uncertain)
        again = f"the run leaves them; --resubmit-uncertain sends them again, at worst for another {usd}"
        again = f"sent again as wished, at worst for another {usd}" if plan.resubmits else again
        yield f"uncertain: {jobs}, {usd} perhaps paid before; {again}"
        doubtful = ((row, made) for row, made in plan.decisions() if made.reason is Reason.UNCERTAIN)
        for row, decision in islice(doubtful, MOST_DOUBTFUL):
            yield f"  {row}/{decision.step}: {decision.note}"
        if totals.uncertain > MOST_DOUBTFUL:
            yield "  …"


def _picks(plan: Plan) -> Iterator[str]:
    totals = plan.totals
    if totals.picks:
        steps = Counter(made.step for _, made in plan.decisions() if made.chosen and made.chosen.is_open)
        named = ", ".join(f"{step} {number:,}" for step, number in steps.items())
        yield f"{count(totals.picks, 'pick')} open ({named}): wanflow pick shows the candidates"
    if totals.parked:
        yield f"after picks: {_after(plan)}"


def _after(plan: Plan) -> str:
    """What parked jobs come to at most."""
    totals = plan.totals
    jobs = f"up to {count(totals.parked, 'job')}"
    if not totals.images_paid_after:
        return f"{jobs} more, free"
    cost = "at a price that is not known" if totals.usd_after is None else f"at most {dollars(totals.usd_after)}"
    return f"{jobs} more, {cost} for {count(totals.images_paid_after, 'image')}"


def times(plan: Plan) -> list[str]:
    """Which lane decides how long it takes, and what more of it would do; told where anything is paid for."""
    if not plan.forecast.lanes or not plan.totals.paid_tasks:
        return []
    first, *others = plan.forecast.lanes
    beside = [lane for lane in others if lane.seconds > (1 - WORTH) * plan.forecast.seconds]
    return [
        f"{first.lane} decides: {_lane(plan, first)}; {_more(plan.forecast)}",
        *(f"{lane.lane}: {_lane(plan, lane)}" for lane in beside),
    ]


def _lane(plan: Plan, lane: LaneForecast) -> str:
    """What a lane has to do: "30 jobs in 2 min 30 s (2 at once, 2 a second, as documented)"."""
    rate = f", {lane.limits.per_second:g} a second" if lane.limits.per_second else ""
    learnt = {bool(terms.learnt) for terms in plan.terms.values() if terms.lane == lane.lane}
    source = "partly as learnt" if len(learnt) > 1 else "as learnt" if True in learnt else "as documented"
    return f"{count(lane.jobs, 'job')} in {duration(lane.seconds)} ({lane.limits.slots} at once{rate}, {source})"


def _more(found: Forecast) -> str:
    """What a second account would do, or a higher limit."""
    limits = found.lanes[0].limits
    ways = {
        "a second account": found.seconds_doubled,
        f"{2 * limits.slots} at once": found.seconds_more_slots,
        f"{2 * (limits.per_second or 0):g} a second": found.seconds_faster,
    }
    shorter = [f"with {way} {duration(seconds)}" for way, seconds in ways.items() if seconds < WORTH * found.seconds]
    return ", ".join(shorter) or "more of it would not help"


def prices(plan: Plan) -> list[str]:
    """What the amounts were made of: "wanx2.1-imageedit: $0.02007 an image (0.14 CNY, 2026-11-20, documented)"."""
    found: dict[str, None] = {}
    for step in plan.steps:
        terms = plan.terms[step.id]
        if plan.is_paid(step.id) and plan.to_pay(step.id):
            found[f"{step.model}: {_price(terms.usd, terms.price_source)}"] = None
    return list(found)


def _price(usd: Decimal | None, source: str) -> str:
    amount = "its price is not known" if usd is None else f"{exact(usd)} an image"
    return f"{amount} ({source})" if source else amount
