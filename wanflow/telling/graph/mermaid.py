"""A graph -> Mermaid, which code hosts draw in Markdown (syntax: https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wanflow.errors import inline
from wanflow.telling.graph.value import Edge, Graph, Kind, Node, Way

_ARROWS = {Way.ONE: "-->", Way.ALL: "==>", Way.ROWS: "==>", Way.PAST: "-.->"}
_FRAMES = {Kind.INPUT: ("([", "])"), Kind.LOCAL: ("[", "]"), Kind.MODEL: ("[", "]"), Kind.OUTPUT: ("([", "])")}
# All else may be syntax, or HTML, and is written as a number: #60;
_UNSAFE = re.compile(r"[^\w \u00d7\u00b7\u2026.,/+$-]")
# Two dollar signs would begin a formula; an empty space keeps them apart.
_FORMULA = re.compile(r"\$(?=\$)")


def mermaid(graph: Graph) -> str:
    """A flowchart; nodes are called n0, n1 … in order, so that no name can be syntax."""
    return "".join(f"{line}\n" for line in _lines(graph))


def _lines(graph: Graph) -> Iterator[str]:
    ids = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    yield "flowchart TD"
    yield f"  accTitle: {_text(f'Graph of {graph.title}')}"
    yield from _nodes(graph, (), ids, "  ")
    for edge in graph.edges:
        yield f"  {ids[edge.source]} {_ARROWS[edge.way]}{_label(edge)} {ids[edge.target]}"
    for kind in Kind:
        if members := [ids[node.id] for node in graph.nodes if node.kind is kind]:
            # A stroke only: what is inside stays readable in light and dark.
            yield f"  classDef {kind.value} stroke:{kind.color},stroke-width:2px"
            yield f"  class {','.join(members)} {kind.value}"


def _nodes(graph: Graph, path: tuple[str, ...], ids: dict[str, str], indent: str) -> Iterator[str]:
    for node in graph.nodes:
        if node.within == path:
            before, after = _FRAMES[node.kind]
            yield f'{indent}{ids[node.id]}{before}"{_lined(_words(node))}"{after}'
    for number, cluster in enumerate(graph.clusters):
        if cluster.path[:-1] == path:
            yield f'{indent}subgraph c{number}["{_text(cluster.words)}"]'
            yield from _nodes(graph, cluster.path, ids, f"{indent}  ")
            yield f"{indent}end"


def _words(node: Node) -> Iterator[str]:
    yield f"{node.title} ×{node.copies}" if node.copies > 1 else node.title
    yield from (node.about, *node.marks)
    yield " · ".join([*map(str, node.counts), *([node.cost] if node.cost else [])])


def _lined(words: Iterable[str]) -> str:
    return "<br/>".join(_text(word) for word in words if word)


def _label(edge: Edge) -> str:
    return f'|"{_text(edge.label)}"|' if edge.label else ""


def _text(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", _FORMULA.sub("$\u200b", inline(text)))
