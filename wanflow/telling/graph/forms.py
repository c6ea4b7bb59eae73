"""The formats that a graph is written in."""

from __future__ import annotations

from wanflow.telling.graph.value import Graph

FORMS = ("svg", "mermaid", "dot", "text")
ENDINGS = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot", ".txt": "text"}


def written(graph: Graph, form: str) -> str:
    """The graph as a whole file in one of FORMS, ending with a line break."""
    match form:
        case "svg":
            from wanflow.telling.graph.svg import svg

            return svg(graph, alone=True)
        case "mermaid":
            from wanflow.telling.graph.mermaid import mermaid

            return mermaid(graph)
        case "dot":
            from wanflow.telling.graph.dot import dot

            return dot(graph)
        case _:
            from wanflow.telling.graph.tree import tree

            return tree(graph)
