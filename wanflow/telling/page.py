"""A plan -> one page of HTML that needs nothing else: no script, no network, with small copies of the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from wanflow.errors import EditError, inline
from wanflow.model import Decision, Source
from wanflow.pictures.thumbnails import data_uri, thumbnail
from wanflow.planning.planned import Plan, RowPlan
from wanflow.store.blobs import read_checked
from wanflow.telling import review
from wanflow.telling.graph.steps import recipe_graph
from wanflow.telling.graph.svg import svg
from wanflow.telling.html import template
from wanflow.telling.plantext import because
from wanflow.telling.words import count

SIDE = 176
# A page that is opened on a phone, or kept for years, is no archive of photographs.
MOST_PICTURES, MOST_PIXELS, MOST_BYTES = 60, 600_000_000, 50_000_000
MOST_CHANGES, MOST_PROBLEMS, MOST_JOBS = 300, 200, 2_000


@dataclass(frozen=True, slots=True)
class Card:
    """A row whose pictures are edited: the first of them, and what is done."""

    row: str
    picture: str
    name: str
    size: str
    jobs: tuple[str, ...]


def plan_html(plan: Plan, root: Path, *, detail: bool = False) -> Iterator[str]:
    """The page in pieces; `root` is the project's folder, where the pictures lie."""
    changes = review.changed(plan)
    jobs = list(islice(plan.looked_at(), MOST_JOBS)) if detail else []
    cards, uncarded = _cards(plan, root)
    page: Any = template("plan.html", filters={"inline": inline}).stream(
        recipe=plan.recipe.name,
        where=review.where(plan),
        summary=review.summary(plan),
        steps=review.step_lines(plan),
        graph=_graph(plan),
        notes=review.notes(plan),
        times=review.times(plan),
        prices=review.prices(plan),
        changes=[(entry.who, entry.note, list(entry.what)) for entry in changes[:MOST_CHANGES]],
        changes_left=max(0, len(changes) - MOST_CHANGES),
        problems=[problem.text() for problem in plan.problems[:MOST_PROBLEMS]],
        problems_left=max(0, len(plan.problems) - MOST_PROBLEMS),
        cards=cards,
        cards_left=uncarded,
        jobs=[(f"{row}/{made.step}", made.action.value, because(plan, made)) for row, made in jobs],
        jobs_left=max(0, sum(1 for _ in plan.looked_at()) - MOST_JOBS) if detail else 0,
        count=count,
    )
    page.enable_buffering(64)
    yield from page


def _graph(plan: Plan) -> Any:
    """The drawing of the steps, safe as it is: every text in it is escaped."""
    from markupsafe import Markup

    return Markup(svg(recipe_graph(plan.recipe, plan)))  # noqa: S704


def _cards(plan: Plan, root: Path) -> tuple[list[Card], int]:
    """The first rows that are worked on, and how many more there are."""
    cards: list[Card] = []
    left, pixels = 0, 0
    for entry in plan.rows:
        if not isinstance(entry, RowPlan) or not (jobs := _jobs(entry)):
            continue
        sources = [source for source in entry.inputs if isinstance(source, Source)]
        pixels += sources[0].blob.width * sources[0].blob.height if sources else 0
        if len(cards) == MOST_PICTURES or pixels > MOST_PIXELS:
            left += 1
        elif sources:
            cards.append(_card(entry, sources[0], jobs, root))
    return cards, left


def _jobs(entry: RowPlan) -> list[Decision]:
    return [made for made in entry.decisions if made.action in review.OPEN]


def _card(entry: RowPlan, source: Source, jobs: list[Decision], root: Path) -> Card:
    size = f"{source.blob.width} × {source.blob.height}"
    return Card(entry.key, _picture(source, root), inline(source.name), size, tuple(made.step for made in jobs))


def _picture(source: Source, root: Path) -> str:
    """A small copy; empty where the file is not here, or is another by now, or very large: the plan stands without."""
    if source.blob.size_bytes > MOST_BYTES:
        return ""
    try:
        return data_uri(thumbnail(read_checked(root / source.path, source.blob.sha256), SIDE))
    except EditError:
        return ""
