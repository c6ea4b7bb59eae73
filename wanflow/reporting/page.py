"""A report's values -> its page: one file of HTML with style and script inside, which lets no text out of its place.

The page's script draws further rows exactly as the template draws the first ones. Styles and scripts are allowed by
their digests, so that nothing else in the file is ever run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from wanflow.reporting.model import Head, IndexEntry, Lane, Row
from wanflow.telling.html import template
from wanflow.telling.words import count, duration

_SCRIPTS = ("data.js", "draw.js", "view.js", "sift.js")
# A bar that is thinner than this share of the whole time could not be seen.
_THINNEST = 0.002


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a page that stands alone holds besides its first rows; `pictures` are data URIs by their address."""

    index: Sequence[IndexEntry]
    pages: Sequence[Sequence[Row]]
    pictures: Mapping[str, str] = field(repr=False)


def html(head: Head, rows: Sequence[Row], embedded: Embedded | None = None) -> Iterator[str]:
    """The page in pieces; `rows` are those of the first data page."""
    style, script = _asset("report.css"), "\n".join(map(_asset, _SCRIPTS))
    pictures = embedded.pictures if embedded else {}
    shown: set[str] = set()  # pictures that stand in the page's first rows already

    def source(address: str) -> str:
        shown.add(address)
        return pictures.get(address, address)

    page: Any = _template().stream(
        head=head,
        rows=rows,
        states=_states(head),
        tags=sorted({tag for step in head["steps"] for tag in step["tags"]}),
        lanes=[_packed(lane, head["timeline"]["seconds"]) for lane in head["timeline"]["lanes"]],
        columns=min(sum(not step["per_run"] for step in head["steps"]) + 1, 7),
        policy=_policy(style, script, alone=embedded is not None),
        style=style,
        script=script,
        source=source,
        count=count,
        duration=duration,
        embedded=lambda: _embedded(head, embedded, shown),
    )
    page.enable_buffering(64)
    yield from page


def _policy(style: str, script: str, *, alone: bool) -> str:
    allowed = {
        "default-src": "'none'",
        "style-src": _digest(style),
        # Data pages are loaded by the script that is allowed; 'strict-dynamic' lets these in wherever the folder lies,
        # which 'self' does not mean the same for in all browsers where a page is opened as a file.
        "script-src": _digest(script) + ("" if alone else " 'strict-dynamic'"),
        "img-src": "data:" if alone else "'self' file:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'" if alone else "wanflow",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return f"\n{files(__package__).joinpath(name).read_text(encoding='utf-8')}"


@cache
def _template() -> Any:
    filters: dict[str, Any] = {
        "embedded": embeddable,
        # As JavaScript's encodeURIComponent: the script draws the same addresses.
        "component": partial(quote, safe="!~*'()"),
        "slot": lambda slot: slot.removeprefix("row."),
    }
    return template("report.html", "reporting", filters)


def embeddable(value: Any) -> str:
    """JSON that no HTML parser takes for markup, whatever stands in its texts."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _embedded(head: Head, embedded: Embedded | None, shown: set[str]) -> Iterator[tuple[str, Any]]:
    """The data elements by their id. Asked for last, when it's known which pictures the first rows show."""
    known = {"steps": head["steps"], "statuses": head["statuses"], "pages": head["pages"]}
    yield "head", {**known, "alone": embedded is not None}
    if embedded:
        yield "index", embedded.index
        yield from ((f"rows-{number}", page) for number, page in enumerate(embedded.pages, start=1))
        yield "pictures", {address: uri for address, uri in embedded.pictures.items() if address not in shown}


def _states(head: Head) -> list[dict[str, Any]]:
    """The statuses that occur, each with its number of jobs."""
    jobs: Counter[str] = Counter()
    for step in head["steps"]:
        jobs.update(step["counts"])
    return [{**status, "jobs": jobs[status["id"]]} for status in head["statuses"] if jobs[status["id"]]]


def _packed(lane: Lane, whole: float) -> dict[str, Any]:
    """A lane's bars, each in the first slot that is free when it starts."""
    free: list[float] = []
    bars = []
    for bar in sorted(lane["bars"], key=lambda one: one["from"]):
        slot = next((number for number, until in enumerate(free) if until <= bar["from"]), len(free))
        if slot == len(free):
            free.append(0)
        free[slot] = bar["to"]
        width = max(bar["to"] - bar["from"], whole * _THINNEST)
        bars.append({**bar, "slot": slot, "width": round(width, 4)})
    return {**lane, "bars": bars, "height": max(len(free), 1)}
