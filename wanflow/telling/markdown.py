"""A plan -> Markdown for a comment on a pull request: short whatever the plan's size, with the details folded.

Names and texts of strangers stand in <code>, where nobody is mentioned and nothing becomes a link, and every character
of theirs that Markdown or HTML knows is written as a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import escape
from typing import TypeVar

from wanflow.errors import Problem, inline
from wanflow.model import Decision
from wanflow.planning.planned import Plan
from wanflow.telling import review
from wanflow.telling.plantext import because
from wanflow.telling.review import Changed, StepLine
from wanflow.telling.worddiff import Kind, Part, side
from wanflow.telling.words import count

T = TypeVar("T")
# GitHub takes 65,536 characters a comment, GitLab a million.
LIMIT = 60_000
# What the parts before the last may take of that at most.
NOTES, TABLE, CHANGES, PROBLEMS, PRICES = 4_000, 14_000, 20_000, 10_000, 2_000
LONGEST = 300
_ODD = re.compile(r"(?<=www)\.|[^\w ,./();=\"-]|_", re.ASCII | re.IGNORECASE)


def plan_markdown(plan: Plan, *, detail: bool = False) -> str:
    """At most LIMIT characters; `detail` lists the jobs, too."""
    page = Page()
    page.add(f"### {code(plan.recipe.name)} {code(review.where(plan))}: {ours(review.summary(plan))}")
    page.listed(review.notes(plan), lambda note: f"- {code(note)}", NOTES, "note")
    page.table(review.step_lines(plan))
    page.folded("What changed", review.changed(plan), changed_line, CHANGES, "change")
    page.folded("Problems", plan.problems, problem_line, PROBLEMS, "problem")
    terms = [*(f"time: {time}" for time in review.times(plan)), *(f"price: {price}" for price in review.prices(plan))]
    page.folded("Time and prices", terms, lambda line: f"- {code(line)}", PRICES, "line")
    if detail:
        page.folded("Jobs", review.opened(plan), lambda job: _job(plan, *job), LIMIT, "job")
    return page.text()


class Page:
    """Text that stays below the limit: what has no room is counted instead."""

    _SPARE = 200  # for the ends of a fold, and for telling how much was left out

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = LIMIT - 1

    def text(self) -> str:
        """All parts."""
        return "\n\n".join(self._parts) + "\n"

    def add(self, *lines: str) -> None:
        """A part; it is known to fit."""
        self._parts.append("\n".join(lines))
        self._room -= len(self._parts[-1]) + 2

    def table(self, lines: list[StepLine]) -> None:
        """A line a step."""
        costs = any(line.cost for line in lines)
        names = ["step", "function", "fidelity", "run", "later", "reuse", "skip", *(["cost"] if costs else []), "why"]
        rule = ["---:" if name in ("run", "later", "reuse", "skip", "cost") else "---" for name in names]
        shown, rest = self._fitting(lines, lambda line: _cells(line, names), TABLE)
        more = [f"| … and {count(rest, 'more step')} {'| ' * len(names)}"] if rest else []
        self.add(f"| {' | '.join(names)} |", f"| {' | '.join(rule)} |", *shown, *more)

    def listed(self, items: Iterable[T], told: Callable[[T], str], most: int, noun: str) -> None:
        """A list, if there is anything to list."""
        shown, rest = self._fitting(items, told, most)
        if shown or rest:
            self.add(*shown, *_more(rest, noun))

    def folded(self, title: str, items: Iterable[T], told: Callable[[T], str], most: int, noun: str) -> None:
        """A list that is seen once it is asked for."""
        shown, rest = self._fitting(items, told, most)
        if shown or rest:
            summary = f"<details><summary>{title} ({len(shown) + rest:,})</summary>"
            self.add(summary, "", *shown, *_more(rest, noun), "", "</details>")

    def _fitting(self, items: Iterable[T], told: Callable[[T], str], most: int) -> tuple[list[str], int]:
        """The lines that fit, and how many don't."""
        room = min(most, self._room) - self._SPARE
        shown: list[str] = []
        rest = 0
        for item in items:
            if not rest and (room := room - len(line := told(item)) - 1) >= 0:
                shown.append(line)
            else:
                rest += 1
        return shown, rest


def _more(rest: int, noun: str) -> list[str]:
    return [f"- … and {count(rest, f'more {noun}')}"] if rest else []


def _cells(line: StepLine, names: list[str]) -> str:
    cells = {
        "step": code(line.step),
        "function": code(line.function),
        "fidelity": line.fidelity,
        "cost": ours(line.cost),
        "why": ours(line.why),
        **{name: f"{getattr(line, name):,}" for name in ("run", "later", "reuse", "skip")},
    }
    return f"| {' | '.join(cells[name] for name in names)} |"


def changed_line(entry: Changed) -> str:
    """What changed alike, as an entry of a list."""
    fields = [f"  - {code(name)}: {_sides(parts)}" for name, parts in entry.what]
    return "\n".join([f"- {code(entry.who)} {code(entry.note)}".rstrip(), *fields])


def problem_line(problem: Problem) -> str:
    """What has to be mended, as an entry of a list; the line with its caret has no room in a comment."""
    told = f"{problem.where()}{problem.message} [{problem.rule}]"
    more = [problem.rows_note(), *(f"used by {user}" for user in problem.used_by), problem.hint.replace("\n", " ")]
    return "\n".join([f"- {code(told)}", *(f"  - {code(line)}" for line in more if line)])


def _sides(parts: list[Part]) -> str:
    if any(part.kind is Kind.SAME for part in parts):
        return "".join(map(_part, parts))
    return f"{code(side(parts, Kind.OLD))} → {code(side(parts, Kind.NEW))}"


def _part(part: Part) -> str:
    tag = {Kind.OLD: "del", Kind.NEW: "ins"}.get(part.kind)
    return f"<{tag}>{code(part.text)}</{tag}>" if tag else code(part.text)


def _job(plan: Plan, row: str, made: Decision) -> str:
    return f"- {code(f'{row}/{made.step}')} {made.action.value}: {code(because(plan, made))}"


def ours(text: str) -> str:
    """Words of wanflow's own."""
    return escape(text, quote=False).replace("|", "&#124;").replace("$", "&#36;")


def code(text: str) -> str:
    """Words of a stranger, or with such among them."""
    text = inline(text)
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return f"<code>{_ODD.sub(_number, text)}</code>" if text else ""


def _number(found: re.Match[str]) -> str:
    char = found.group()
    # Letters of other alphabets mean nothing to Markdown.
    return f"&#{ord(char)};" if char.isascii() else char
