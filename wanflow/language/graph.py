"""The graph over STEPS (never over jobs): order, cycles, descendants.

Every command needs the order, and the standard library gives it; networkx, which costs a third of a start, is
imported by what needs more than that.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

Needs = Mapping[str, Collection[str]]


def _sorter(needs: Needs) -> TopologicalSorter[str]:
    return TopologicalSorter({step: [need for need in wanted if need in needs] for step, wanted in needs.items()})


def cycle(needs: Needs) -> list[str]:
    """The steps of one cycle, each needed by the next, the first repeated at the end; empty if there is none."""
    try:
        _sorter(needs).prepare()
    except CycleError as error:
        loop: list[str] = error.args[1]
        return loop
    return []


def order(needs: Needs) -> list[str]:
    """Steps so that each stands after what it needs; the recipe's order otherwise. Call `cycle` first."""
    names, sorter = list(needs), _sorter(needs)
    place = {step: index for index, step in enumerate(names)}
    ready: list[int] = []
    ordered: list[str] = []
    sorter.prepare()
    while sorter.is_active():
        for step in sorter.get_ready():
            heapq.heappush(ready, place[step])
        ordered.append(names[heapq.heappop(ready)])
        sorter.done(ordered[-1])
    return ordered


def with_descendants(needs: Needs, steps: Iterable[str]) -> set[str]:
    """These steps and everything that needs them, directly or not."""
    return _reached(needs, steps, down=True)


def with_ancestors(needs: Needs, steps: Iterable[str]) -> set[str]:
    """These steps and everything that they need, directly or not."""
    return _reached(needs, steps, down=False)


def _reached(needs: Needs, steps: Iterable[str], *, down: bool) -> set[str]:
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(needs)
    graph.add_edges_from((need, step) for step, wanted in needs.items() for need in wanted if need in needs)
    follow = nx.descendants if down else nx.ancestors
    chosen = {step for step in steps if step in graph}
    return chosen.union(*(follow(graph, step) for step in chosen))
