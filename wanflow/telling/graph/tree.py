"""A graph -> lines for a terminal: each node below the last one that it needs, with what else it takes."""

from __future__ import annotations

from collections.abc import Iterator

from wanflow.errors import inline
from wanflow.telling.graph.letters import cells
from wanflow.telling.graph.value import Graph, Kind, Node, Way

# What comes out is told from steps by an arrow.
_OUT = "→ "


def tree(graph: Graph) -> str:
    """The lines, columns aligned; texts of strangers on one line each."""
    lines = list(_branches(graph))
    first = max((cells(branch) for branch, _ in lines), default=0)
    second = max((cells(node.about) for _, node in lines if node.kind is not Kind.OUTPUT), default=0)
    head = [inline(f"{graph.title} {graph.summary}".rstrip()), ""]
    return "\n".join([*head, *(_line(graph, branch, node, first, second) for branch, node in lines)]) + "\n"


def _branches(graph: Graph) -> Iterator[tuple[str, Node]]:
    """Every node with its name behind the branches that lead to it."""
    place = {node.id: number for number, node in enumerate(graph.nodes)}
    below: dict[str, list[Node]] = {}
    roots = []
    for node in graph.nodes:
        sources = [edge.source for edge in graph.takes(node) if place[edge.source] < place[node.id]]
        straight = [edge.source for edge in graph.takes(node) if edge.way is not Way.PAST and edge.source in sources]
        if sources:
            below.setdefault(max(straight or sources, key=place.__getitem__), []).append(node)
        else:
            roots.append(node)
    left = [("", "", root) for root in reversed(roots)]
    while left:
        indent, glyph, node = left.pop()
        yield f"{indent}{glyph}{_name(node)}", node
        inner = indent + {"├─ ": "│  ", "└─ ": "   ", "": ""}[glyph]
        under = below.get(node.id, [])
        left += [(inner, "├─ " if number else "└─ ", one) for number, one in enumerate(reversed(under))]


def _name(node: Node) -> str:
    copies = f" ×{node.copies}" if node.copies > 1 else ""
    return inline(f"{_OUT if node.kind is Kind.OUTPUT else ''}{'.'.join((*node.within, node.title))}{copies}")


def _line(graph: Graph, branch: str, node: Node, first: int, second: int) -> str:
    about = inline(node.about)
    pad = 0 if node.kind is Kind.OUTPUT else second
    told = [", ".join([*map(str, node.counts), *([node.cost] if node.cost else [])]), *node.marks, *_more(graph, node)]
    tail = inline("; ".join(word for word in told if word))
    return f"{_wide(branch, first)}  {_wide(about, pad)}  {tail}".rstrip()


def _wide(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _more(graph: Graph, node: Node) -> Iterator[str]:
    """What a node takes beside the picture of the node above it; and, where that is bypassed, in its place."""
    names = {one.id: ".".join((*one.within, one.title)) for one in graph.nodes}
    edges = list(graph.takes(node))
    plain = [edge for edge in edges if edge.way is not Way.PAST]
    if len(plain) > 1 or any(edge.label or edge.way is not Way.ONE for edge in plain):
        yield f"takes {', '.join(_taken(names[edge.source], edge.label, edge.way) for edge in plain)}"
    if instead := [names[edge.source] for edge in edges if edge.way is Way.PAST]:
        yield f"or {', '.join(dict.fromkeys(instead))} where a step is bypassed"


def _taken(name: str, label: str, way: Way) -> str:
    every = {Way.ALL: "all of ", Way.ROWS: "all rows' "}.get(way, "")
    return f"{every}{name}{f' as {label}' if label and not every else ''}"
