"""A graph -> DOT, the language of Graphviz (https://graphviz.org/doc/info/lang.html)."""

from __future__ import annotations

from collections.abc import Iterator

from wanflow.errors import inline
from wanflow.telling.graph.value import Edge, Graph, Node, Way

_STYLES = {Way.ONE: "", Way.ALL: "penwidth=2", Way.ROWS: "penwidth=3", Way.PAST: "style=dashed"}


def dot(graph: Graph) -> str:
    """A directed graph, to be drawn by any of Graphviz's programs: wanflow graph R --format dot | dot -Tpdf."""
    return "".join(f"{line}\n" for line in _lines(graph))


def _lines(graph: Graph) -> Iterator[str]:
    yield f"digraph {_quoted(graph.title)} {{"
    yield '  graph [rankdir=TB, fontname="Helvetica", fontsize=11, color="#808080"]'
    yield '  node [shape=box, style=rounded, fontname="Helvetica", fontsize=11]'
    yield '  edge [fontname="Helvetica", fontsize=10, color="#606060"]'
    yield from _nodes(graph, (), "  ")
    yield from map(_edge, graph.edges)
    yield "}"


def _nodes(graph: Graph, path: tuple[str, ...], indent: str) -> Iterator[str]:
    for node in graph.nodes:
        if node.within == path:
            copies = ", peripheries=2" if node.copies > 1 else ""
            color = node.kind.color
            yield f'{indent}{_quoted(node.id)} [label={_quoted(_words(node))}, color="{color}"{copies}]'
    for number, cluster in enumerate(graph.clusters):
        if cluster.path[:-1] == path:
            yield f"{indent}subgraph cluster_{number} {{"
            yield f"{indent}  label={_quoted(cluster.words)}; style=dashed"
            yield from _nodes(graph, cluster.path, f"{indent}  ")
            yield f"{indent}}}"


def _words(node: Node) -> str:
    title = f"{node.title} ×{node.copies}" if node.copies > 1 else node.title
    tail = ", ".join([*map(str, node.counts), *([node.cost] if node.cost else [])])
    return "\n".join(inline(line) for line in (title, node.about, *node.marks, tail) if line)


def _edge(edge: Edge) -> str:
    label = [f"label={_quoted(edge.label)}"] if edge.label else []
    extra = ", ".join([*label, *([_STYLES[edge.way]] if _STYLES[edge.way] else [])])
    return f"  {_quoted(edge.source)} -> {_quoted(edge.target)}{f' [{extra}]' if extra else ''}"


def _quoted(text: str) -> str:
    """A string of DOT: backslashes begin escapes in labels, and ampersands entities."""
    lines = [inline(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in text.split("\n")]
    joined = "\\n".join(lines)
    return f'"{joined}"'
