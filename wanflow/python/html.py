"""How values look in a notebook: plain HTML of the text's own colour, fit for light and dark, every text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from wanflow.errors import EditError, inline, printable
from wanflow.telling import review
from wanflow.telling.words import count

if TYPE_CHECKING:
    from wanflow.planning import planned

SIDE = 160
MOST_PICTURES, MOST_BYTES, MOST_TOLD = 24, 50_000_000, 12
_CELL = "text-align:left;padding:.15rem .6rem;vertical-align:top"
_NUMBER = "text-align:right;padding:.15rem .6rem;vertical-align:top"


def plan_html(plan: planned.Plan) -> str:
    """The first line, the table by step, and the graph."""
    from wanflow.telling.graph.steps import recipe_graph
    from wanflow.telling.graph.svg import svg

    lines = review.step_lines(plan)
    costs = any(line.cost for line in lines)
    names = ["step", "function", "run", "later", "reuse", "skip", *(["cost"] if costs else []), "why"]
    notes = [*review.notes(plan), *(problem.text() for problem in islice(plan.problems, MOST_TOLD))]
    return "".join(
        [
            f"<div><p><b>{_text(review.headline(plan))}</b></p>",
            _table(names, [_line(line, costs) for line in lines]),
            *(pre(note) for note in notes),
            "<details><summary>Graph</summary><div style='overflow-x:auto'>",
            svg(recipe_graph(plan.recipe, plan)),
            "</div></details></div>",
        ]
    )


def _line(line: review.StepLine, costs: bool) -> list[str | int]:
    cost = [line.cost] if costs else []
    return [line.step, line.function, line.run, line.later, line.reuse, line.skip, *cost, line.why]


def run_html(summary: str, failed: Sequence[tuple[str, str, str]], files: Sequence[tuple[str, str, Path]]) -> str:
    """The run in a line, what failed (job, status, why), and the first pictures that came out (row, name, file)."""
    pictures = [_figure(f"{row} · {name}", path) for row, name, path in files[:MOST_PICTURES]]
    more = len(files) - len(pictures)
    rows = [[job, status.replace("_", " "), why] for job, status, why in failed[:MOST_TOLD]]
    return "".join(
        [
            f"<div><p><b>{_text(summary)}</b></p>",
            _table(["job", "", "what went wrong"], rows) if rows else "",
            "<div style='display:flex;flex-wrap:wrap;gap:.6rem;align-items:flex-end'>",
            *pictures,
            "</div>",
            f"<p>… and {count(more, 'more file')}</p>" if more else "",
            "</div>",
        ]
    )


def pre(text: str) -> str:
    """Lines as they are."""
    return f"<pre>{_lines(text)}</pre>"


def _table(names: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    head = "".join(f"<th style='{_CELL}'>{_text(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(_cells(row))}</tr>" for row in rows)
    style = "border-collapse:collapse;color:inherit;font-size:inherit"
    return f"<table style='{style}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: Sequence[str | int]) -> Iterator[str]:
    for value in row:
        if isinstance(value, int):
            yield f"<td style='{_NUMBER}'>{value:,}</td>"
        else:
            yield f"<td style='{_CELL}'>{_text(value)}</td>"


def _figure(caption: str, path: Path) -> str:
    """A small copy of a picture; its name alone where that can't be had."""
    name = _text(caption)
    source = _thumbnail(path)
    image = f"<img alt='{name}' src='{source}' style='max-width:{SIDE}px;display:block'>" if source else ""
    return f"<figure style='margin:0'>{image}<figcaption style='font-size:.8em'>{name}</figcaption></figure>"


def _thumbnail(path: Path) -> str:
    from wanflow.pictures.thumbnails import data_uri, thumbnail

    try:
        return "" if path.stat().st_size > MOST_BYTES else data_uri(thumbnail(path.read_bytes(), SIDE))
    except (EditError, OSError):
        return ""


def _text(text: str) -> str:
    return escape(inline(text))


def _lines(text: str) -> str:
    return escape(printable(text))
