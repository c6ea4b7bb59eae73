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
    from wanflow.python.values import Plan, Run

SIDE = 160
MOST_PICTURES, MOST_BYTES, MOST_TOLD = 24, 50_000_000, 12
_CELL = "text-align:left;padding:.15rem .6rem;vertical-align:top"
_NUMBER = "text-align:right;padding:.15rem .6rem;vertical-align:top"


def plan_html(plan: Plan, made: planned.Plan) -> str:
    """The first line, the table by step, and the graph."""
    from wanflow.telling.graph.steps import recipe_graph
    from wanflow.telling.graph.svg import svg

    lines = review.step_lines(made)
    costs = any(line.cost for line in lines)
    names = ["step", "function", "run", "later", "reuse", "skip", *(["cost"] if costs else []), "why"]
    rows = [
        [
            line.step,
            line.function,
            line.run,
            line.later,
            line.reuse,
            line.skip,
            *([line.cost] if costs else []),
            line.why,
        ]
        for line in lines
    ]
    notes = [*review.notes(made), *(problem.text() for problem in islice(made.problems, MOST_TOLD))]
    return "".join(
        [
            f"<div><p><b>{_text(plan.summary)}</b></p>",
            _table(names, rows),
            *(f"<pre>{_lines(note)}</pre>" for note in notes),
            "<details><summary>Graph</summary><div style='overflow-x:auto'>",
            svg(recipe_graph(made.recipe, made)),
            "</div></details></div>",
        ]
    )


def run_html(run: Run) -> str:
    """The run in a line, what failed, and the first pictures that came out."""
    outputs = list(run.outputs())
    pictures = [_figure(f"{row} · {name}", path) for row, name, path in outputs[:MOST_PICTURES]]
    failed = [[job.address, job.status.replace("_", " "), job.error] for job in run.jobs if job.error]
    more = len(outputs) - len(pictures)
    return "".join(
        [
            f"<div><p><b>{_text(run.summary)}</b></p>",
            _table(["job", "", "what went wrong"], failed[:MOST_TOLD]) if failed else "",
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
    return f"<table style='border-collapse:collapse'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


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
