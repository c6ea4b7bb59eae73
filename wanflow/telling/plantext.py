"""A plan -> text for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator

from wanflow.errors import inline
from wanflow.model import Change, Decision
from wanflow.planning.planned import Plan
from wanflow.telling import review
from wanflow.telling.worddiff import Kind, side
from wanflow.telling.words import dollars


def plan_text(plan: Plan) -> str:
    """The plan as a table by step, with reasons."""
    beneath = review.notes(plan)
    times = [f"time: {time}" for time in review.times(plan)]
    prices = [f"price: {price}" for price in review.prices(plan)]
    told = [f"  {inline(line)}" for line in [*beneath, *times, *prices]]
    return "\n".join([inline(review.headline(plan)), "", *_table(plan), *([""] if told else []), *told])


def _table(plan: Plan) -> Iterator[str]:
    lines = review.step_lines(plan)
    step, function, cost = (
        max(least, *(len(getattr(line, name)) for line in lines), 0)
        for least, name in ((4, "step"), (8, "function"), (0, "cost"))
    )
    title = f"{'cost':>{cost}}  " if cost else ""
    head = f"  {'step':<{step}}  {'function':<{function}}  {'fidelity':<12}  {'run':>7}  {'later':>7}  {'reuse':>7}"
    yield f"{head}  {'skip':>7}  {title}why"
    for line in lines:
        named = f"  {line.step:<{step}}  {line.function:<{function}}  {line.fidelity:<12}"
        numbers = "  ".join(f"{number:>7,}" for number in (line.run, line.later, line.reuse, line.skip))
        yield f"{named}  {numbers}  {f'{line.cost:>{cost}}  ' if cost else ''}{line.why}".rstrip()


def reasons_text(plan: Plan, most: int = 12) -> str:
    """What changed, alike for however many rows."""
    lines: list[str] = []
    for entry in review.changed(plan):
        changes = [str(Change(name, side(parts, Kind.OLD), side(parts, Kind.NEW))) for name, parts in entry.what]
        note = f"{entry.note}; " if entry.note and changes else entry.note
        for change in changes or [""]:
            if len(lines) == most:
                return "\n".join([*lines, "  …"])
            lines.append(inline(f"  {entry.who}: {note}{change}"))
    return "\n".join(lines)


def detail_text(plan: Plan) -> Iterator[str]:
    """A line a job that a run would do or look at, in the plan's order."""
    for row, decision in plan.looked_at():
        why = because(plan, decision)
        yield inline(f"  {row}/{decision.step}  {decision.action.value}{f'  {why}' if why else ''}")


def because(plan: Plan, decision: Decision) -> str:
    """Why something happens to a job, and what it costs."""
    usd = plan.terms[decision.step].usd
    parts = [decision.note or review.reason_text(decision.action, decision.reason)]
    if decision.action in review.OPEN and plan.is_paid(decision.step):
        parts.append("its price is not known" if usd is None else dollars(usd))
    return "; ".join(part for part in parts if part)
