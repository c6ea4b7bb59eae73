"""The graph over STEPS (never over jobs): order, cycles, ancestors, descendants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx as nx


def step_graph(needs: Mapping[str, Iterable[str]]) -> nx.DiGraph[str]:
    """A graph with an edge from each step to the steps that take its picture; nodes keep the recipe's order."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(needs)
    graph.add_edges_from((upstream, step) for step, ups in needs.items() for upstream in ups if upstream in needs)
    return graph


def order(graph: nx.DiGraph[str]) -> list[str]:
    """Steps so that each stands after what it needs; the recipe's order otherwise. Call `cycle` first."""
    place = {step: index for index, step in enumerate(graph)}
    return list(nx.lexicographical_topological_sort(graph, key=place.__getitem__))


def cycle(graph: nx.DiGraph[str]) -> list[str]:
    """The steps of one cycle, in order and with the first repeated at the end; empty if there is none."""
    try:
        edges = nx.find_cycle(graph)
    except nx.NetworkXNoCycle:
        return []
    return [edge[0] for edge in edges] + [edges[0][0]]


def with_descendants(graph: nx.DiGraph[str], steps: Iterable[str]) -> set[str]:
    """These steps and everything that needs them, directly or not."""
    chosen = {step for step in steps if step in graph}
    return chosen.union(*(nx.descendants(graph, step) for step in chosen))
