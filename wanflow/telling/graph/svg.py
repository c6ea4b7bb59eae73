"""A graph -> SVG that needs nothing else: no script, no style sheet, no font, no link.

Colours are the text's own (currentColor) and light tints, so that it is readable in light and dark pages. It has
attributes and class names only, as pages with a strict content policy need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil

from wanflow.errors import inline
from wanflow.telling.graph import letters
from wanflow.telling.graph.layout import LABEL, Layout, Point, Rect, arranged
from wanflow.telling.graph.value import Cluster, Edge, Graph, Kind, Mood, Node, Way

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', monospace"
TITLE, ABOUT, MARK, PILL = 13.5, 11.0, 11.0, 11.0
LEAST, MOST, INSET = 132.0, 320.0, 12.0
MARGIN = 12.0
COPY = 4.0
# Tints that eyes without red or green tell apart, on white and on black; the words in them say it all.
_TINTS = {
    Mood.OPEN: ("#d97706", 0.24),
    Mood.WAITING: ("#8b5cf6", 0.22),
    Mood.GOOD: ("#0d9488", 0.26),
    Mood.REUSED: ("#3b82f6", 0.2),
    Mood.BAD: ("#dc2626", 0.28),
    Mood.QUIET: ("#808080", 0.18),
}
# A file of its own follows the reader's choice of light or dark by itself.
_ALONE = (
    ".wanflow-graph{color:#23211d;background:#fbfaf7}"
    "@media (prefers-color-scheme:dark){.wanflow-graph{color:#ece8e0;background:#191815}}"
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text in a node."""

    text: str
    size: float
    mono: bool = False
    bold: bool = False
    soft: bool = False
    height: float = 16.0


def svg(graph: Graph, *, alone: bool = False) -> str:
    """The drawing as an element for a page; `alone`: as a file, with its heading and its own light and dark colours.

    Equal graphs give equal text. Its size in pixels is that of `width` and `height`.
    """
    sizes = {node.id: _size(node) for node in graph.nodes}
    layout = arranged(graph, sizes)
    names = _names(graph, layout)
    head = _heading(graph) if alone else []
    top = MARGIN + sum(line.height for line in head) + (10.0 if head else 0.0)
    width = max([layout.width, *(letters.width(line.text, line.size) for line in head)]) + 2 * MARGIN
    height = layout.height + top + MARGIN
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    parts = [
        f'<svg{space} class="wanflow-graph" role="img" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" fill="none" font-family="{SANS}">',
        f"<title>{_text(f'Graph of {graph.title}')}</title>",
        f"<desc>{_text('; '.join(graph.lines()))}</desc>",
        *([f"<style>{_ALONE}</style>"] if alone else []),
        *_lines(head, MARGIN, MARGIN),
        f'<g transform="translate({_n((width - layout.width) / 2)} {_n(top)})">',
        *(part for cluster in graph.clusters for part in _cluster(cluster, layout)),
        *(part for number, edge in enumerate(graph.edges) for part in _edge(edge, layout, number, names)),
        *(part for node in graph.nodes for part in _node(node, layout.nodes[node.id])),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def _heading(graph: Graph) -> list[Line]:
    lines = [Line(graph.title, 16, bold=True, height=22)]
    return [*lines, Line(graph.summary, 12.5, soft=True, height=18)] if graph.summary else lines


# -- nodes


def _content(node: Node) -> list[Line]:
    title = Line(node.title, TITLE, bold=node.kind in (Kind.LOCAL, Kind.MODEL), height=18)
    about = [Line(node.about, ABOUT, mono=True, soft=True)] if node.about else []
    return [title, *about, *(Line(mark, MARK, height=15) for mark in node.marks)]


def _size(node: Node) -> Point:
    lines = _content(node)
    badge = _badge(node)
    first = letters.width(lines[0].text, TITLE) * 1.06 + (letters.width(badge, PILL) + 20 if badge else 0.0)
    widths = [first, *(letters.width(line.text, line.size, mono=line.mono) for line in lines[1:]), _pills_width(node)]
    width = min(MOST, max(LEAST, *(width + 2 * _inset(node) for width in widths)))
    pills = 22.0 * len(_rows(node, width)) + 2.0 if node.counts or node.cost else 0.0
    return ceil(width), sum(line.height for line in lines) + pills + 14.0


def _inset(node: Node) -> float:
    return INSET + (4.0 if node.kind in (Kind.INPUT, Kind.OUTPUT) else 0.0)


def _badge(node: Node) -> str:
    return f"×{node.copies}" if node.copies > 1 else ""


def _pills(node: Node) -> list[tuple[str, Mood | None]]:
    pills: list[tuple[str, Mood | None]] = [(str(count), count.mood) for count in node.counts]
    return [*pills, (node.cost, None)] if node.cost else pills


def _pill_width(text: str) -> float:
    return letters.width(text, PILL) + 14


def _pills_width(node: Node) -> float:
    return sum(_pill_width(text) + 5 for text, _ in _pills(node)) - 5


def _rows(node: Node, width: float) -> list[list[tuple[str, Mood | None]]]:
    """The pills in as many rows as they need."""
    rows: list[list[tuple[str, Mood | None]]] = [[]]
    left = free = width - 2 * INSET + 8
    for text, mood in _pills(node):
        if rows[-1] and _pill_width(text) > left:
            rows.append([])
            left = free
        rows[-1].append((text, mood))
        left -= _pill_width(text) + 5
    return rows


def _node(node: Node, at: Rect) -> Iterator[str]:
    color = node.kind.color
    round_ = at.height / 2 if node.kind in (Kind.INPUT, Kind.OUTPUT) and at.height < 60 else 8.0
    yield f'<g class="node {node.kind.value}"><title>{_text(node.words)}</title>'
    for copy in range(min(node.copies, 3) - 1, 0, -1):
        yield _behind(at, copy, round_, color)
    yield (
        f'<rect x="{_n(at.x)}" y="{_n(at.y)}" width="{_n(at.width)}" height="{_n(at.height)}" rx="{_n(round_)}" '
        f'fill="{color}" fill-opacity=".09" stroke="{color}" stroke-opacity=".75" stroke-width="1.2"/>'
    )
    room = at.width - 2 * _inset(node)
    badge, lines = _badge(node), _content(node)
    if badge:
        width = _pill_width(badge)
        yield from _pill(badge, None, at.x + at.width - 8 - width, at.y + 7)
        lines[0] = Line(letters.cut(lines[0].text, TITLE, room - width), TITLE, bold=lines[0].bold, height=18)
    yield from _lines(lines, at.x + _inset(node), at.y + 5, room)
    y = at.y + 7 + sum(line.height for line in lines)
    for row in _rows(node, at.width) if _pills(node) else ():
        x = at.x + INSET - 4
        for text, mood in row:
            yield from _pill(text, mood, x, y + 2)
            x += _pill_width(text) + 5
        y += 22
    yield "</g>"


def _behind(at: Rect, copy: int, round_: float, color: str) -> str:
    """The edge of another instance behind a box: what is seen of it on the right and below."""
    shift, x, y = COPY * copy, at.x + at.width, at.y + at.height
    return (
        f'<path d="M{_n(x)} {_n(at.y + shift)}q{_n(shift)} 0 {_n(shift)} {_n(round_)}V{_n(y + shift - round_)}'
        f"q0 {_n(round_)} {_n(-round_)} {_n(round_)}H{_n(at.x + shift + round_)}"
        f'q{_n(-round_)} 0 {_n(-round_)} {_n(-shift)}" stroke="{color}" stroke-opacity=".5"/>'
    )


def _pill(text: str, mood: Mood | None, x: float, y: float) -> Iterator[str]:
    width = _pill_width(text)
    if mood is None:
        yield (
            f'<rect x="{_n(x + 0.5)}" y="{_n(y + 0.5)}" width="{_n(width - 1)}" height="17" rx="8.5" '
            f'stroke="currentColor" stroke-opacity=".4"/>'
        )
    else:
        tint, part = _TINTS[mood]
        yield (
            f'<rect class="count {mood.value}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="18" rx="9" '
            f'fill="{tint}" fill-opacity="{part}"/>'
        )
    yield (
        f'<text x="{_n(x + width / 2)}" y="{_n(y + 12.8)}" text-anchor="middle" font-size="{PILL:g}" '
        f'fill="currentColor">{_text(text)}</text>'
    )


def _lines(lines: Sequence[Line], x: float, y: float, room: float | None = None) -> Iterator[str]:
    for line in lines:
        shown = line.text if room is None else letters.cut(line.text, line.size, room, mono=line.mono)
        family = f' font-family="{MONO}"' if line.mono else ""
        weight = ' font-weight="600"' if line.bold else ""
        soft = ' fill-opacity=".72"' if line.soft else ""
        base = y + (line.height + line.size * 0.72) / 2
        yield (
            f'<text x="{_n(x)}" y="{_n(base)}" font-size="{line.size:g}"{family}{weight} '
            f'fill="currentColor"{soft}>{_text(shown)}</text>'
        )
        y += line.height


# -- clusters and edges


def _cluster(cluster: Cluster, layout: Layout) -> Iterator[str]:
    at = layout.clusters.get(cluster.path)
    if not at:
        return
    yield f'<g class="cluster"><title>{_text(cluster.words)}</title>'
    yield (
        f'<rect x="{_n(at.x)}" y="{_n(at.y)}" width="{_n(at.width)}" height="{_n(at.height)}" rx="12" '
        f'fill="currentColor" fill-opacity=".03" stroke="currentColor" stroke-opacity=".32" stroke-dasharray="2 3"/>'
    )
    yield from _lines([_name(cluster)], at.x + INSET, at.y + 4, at.width - 2 * INSET)
    yield "</g>"


def _name(cluster: Cluster) -> Line:
    return Line(cluster.words, 12, soft=True, height=20)


def _names(graph: Graph, layout: Layout) -> list[Rect]:
    """Where the names of clusters stand; lines pass behind them."""
    found = []
    for cluster in graph.clusters:
        if at := layout.clusters.get(cluster.path):
            wide = min(letters.width(_name(cluster).text, 12), at.width - 2 * INSET)
            found.append(Rect(at.x + INSET - 4, at.y + 3, wide + 8, 22))
    return found


_DASHES = {Way.PAST: ' stroke-dasharray="5 4"', Way.ALL: "", Way.ROWS: "", Way.ONE: ""}
_WIDTHS = {Way.PAST: 1.3, Way.ALL: 2.4, Way.ROWS: 3.4, Way.ONE: 1.3}


def _edge(edge: Edge, layout: Layout, number: int, names: Sequence[Rect]) -> Iterator[str]:
    parts = layout.routes[number]
    if not parts:
        return
    yield (
        f'<path class="edge {edge.way.value}" d="{_path(parts, layout.down, names)}" stroke="currentColor" '
        f'stroke-opacity=".5" stroke-width="{_WIDTHS[edge.way]}"{_DASHES[edge.way]}/>'
    )
    (x, y), size = parts[-1][1], 4.5 + _WIDTHS[edge.way]
    wing = size * 0.55
    head = f"l{_n(-wing)} {_n(-size)}h{_n(2 * wing)}z" if layout.down else f"l{_n(-size)} {_n(-wing)}v{_n(2 * wing)}z"
    yield f'<path d="M{_n(x)} {_n(y)}{head}" fill="currentColor" fill-opacity=".7"/>'
    if edge.label:
        left, base = (x - 6, y - 7) if layout.down else (x - 10, y - 5)
        yield (
            f'<text x="{_n(left)}" y="{_n(base)}" font-size="{LABEL:g}" text-anchor="end" fill="currentColor" '
            f'fill-opacity=".72">{_text(edge.label)}</text>'
        )


def _path(parts: Sequence[tuple[Point, Point]], down: bool, names: Sequence[Rect]) -> str:
    """Straight parts, and curves between them that leave and arrive straight."""
    (x, y), _ = parts[0]
    words = [f"M{_n(x)} {_n(y)}"]
    x0, y0 = x, y
    for (x1, y1), (x2, y2) in parts:
        if (x1, y1) != (x0, y0):
            middle = (y0 + y1) / 2 if down else (x0 + x1) / 2
            bend = (x0, middle, x1, middle) if down else (middle, y0, middle, y1)
            words.append(f"C{' '.join(map(_n, (*bend, x1, y1)))}")
        for name in names if down else ():
            if name.x < x1 < name.x + name.width and y1 <= name.y and name.y + name.height <= y2:
                words += [f"V{_n(name.y)}", f"M{_n(x1)} {_n(name.y + name.height)}"]
        if (x2, y2) != (x1, y1):
            words.append(f"V{_n(y2)}" if down else f"H{_n(x2)}")
        x0, y0 = x2, y2
    return "".join(words)


def _n(number: float) -> str:
    """A number as short as it can be, to a tenth of a pixel."""
    return f"{round(number, 1) + 0.0:g}" if abs(number) < 100_000 else f"{number:.0f}"


def _text(text: str) -> str:
    return escape(inline(text))
