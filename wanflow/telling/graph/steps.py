"""A recipe's steps, or those of a run -> a graph. The instances of a matrix are one node."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath

from wanflow.language.picks import BY_LIKENESS
from wanflow.language.recipe import Guard, Output, Recipe, Step, plain
from wanflow.language.templates import Template
from wanflow.model import Action, Ref, RefKind
from wanflow.planning.planned import Plan
from wanflow.telling import review
from wanflow.telling.graph.value import Cluster, Count, Edge, Graph, Kind, Mood, Node, Way
from wanflow.telling.words import count, dollars

_ACTIONS = (
    (Action.RUN, "run", Mood.OPEN),
    (Action.LATER, "later", Mood.WAITING),
    (Action.REUSE, "reuse", Mood.REUSED),
    (Action.SKIP, "skip", Mood.QUIET),
)
# In paths, values of a row and the like are told by their name alone: out/{id}.png
_VALUE = re.compile(r"\$\{\{\s*(?:row|matrix|params)\.(\w+)\s*\}\}")
# A condition that is longer than this is told by its beginning.
_LONG = 34


@dataclass(frozen=True, slots=True)
class Told:
    """A step as a run's record tells it: plain values. `needs` are ids of other steps, `path` the steps that use its
    recipe and its own name, the outermost first; empty: as the id says.
    """

    id: str
    function: str
    needs: Sequence[str] = ()
    path: Sequence[str] = ()
    marks: Sequence[str] = ()
    counts: Sequence[Count] = ()
    cost: str = ""
    per_run: bool = False


def told_graph(title: str, steps: Iterable[Told], summary: str = "") -> Graph:
    """The graph of steps known by plain values, in an order in which they can run."""
    steps = list(steps)
    paths = {step.id: tuple(step.path) or path_of(step.id) for step in steps}
    named: dict[tuple[str, ...], list[Told]] = {}
    for step in steps:
        named.setdefault(paths[step.id], []).append(step)
    once = {paths[step.id] for step in steps if step.per_run}
    nodes = [_told_node(path, alike) for path, alike in named.items()]
    edges = [
        Edge(
            ".".join(paths[need]), ".".join(path), way=Way.ROWS if path in once and paths[need] not in once else Way.ONE
        )
        for path, alike in named.items()
        for step in alike
        for need in step.needs
        if need in paths and paths[need] != path
    ]
    return Graph(title, nodes, list(dict.fromkeys(edges)), _clusters(nodes, {}), summary)


# A point before a name begins a step of a recipe within; other points stand in the values of a matrix.
_WITHIN = re.compile(r"\.(?=[a-z][a-z0-9_]*(?:[.@]|$))")


def path_of(step: str) -> tuple[str, ...]:
    """The names in a step's id, the outermost first: restore@a.look@book-0.4 is ("restore", "look")."""
    return tuple(plain(part) for part in _WITHIN.split(step))


def _told_node(path: tuple[str, ...], alike: Sequence[Told]) -> Node:
    numbers: Counter[tuple[str, Mood]] = Counter()
    for step in alike:
        numbers.update({(one.word, one.mood): one.number for one in step.counts})
    return Node(
        ".".join(path),
        path[-1],
        _kind(alike[0].function),
        alike[0].function,
        tuple(dict.fromkeys(mark for step in alike for mark in step.marks)),
        tuple(Count(number, *named) for named, number in numbers.items() if number),
        alike[0].cost if len(alike) == 1 else _sum(step.cost for step in alike),
        len(alike),
        path[:-1],
    )


def _kind(function: str) -> Kind:
    return Kind.LOCAL if function.startswith("local/") else Kind.MODEL


def _sum(costs: Iterable[str]) -> str:
    """Amounts in words together; where one of them is no amount, what it says instead."""
    amounts = [cost.removeprefix("$").replace(",", "") for cost in costs if cost]
    if words := [amount for amount in amounts if not re.fullmatch(r"\d+(\.\d+)?", amount)]:
        return words[0]
    return dollars(sum(map(Decimal, amounts), Decimal(0))) if amounts else ""


# -- of a recipe


def recipe_graph(recipe: Recipe, plan: Plan | None = None) -> Graph:
    """The graph of a recipe, with what a plan of it says of each step."""
    summary = f"{review.where(plan)}: {review.summary(plan)}" if plan else ""
    return _Drawing(recipe, plan).graph(summary)


class _Drawing:
    def __init__(self, recipe: Recipe, plan: Plan | None) -> None:
        self.recipe, self.outputs, self.manifest, self.plan = recipe, recipe.outputs, recipe.manifest, plan
        self.steps = {step.id: step for step in recipe.steps}
        self.named: dict[str, list[Step]] = {}
        for step in recipe.steps:
            self.named.setdefault(step.name, []).append(step)

    def graph(self, summary: str) -> Graph:
        edges = list(dict.fromkeys([*self._edges(), *self._given()]))
        solid = {(edge.source, edge.target) for edge in edges}
        edges += [edge for edge in dict.fromkeys(self._past()) if (edge.source, edge.target) not in solid]
        steps = [self._node(alike) for alike in self.named.values()]
        nodes = [*self._inputs(edges), *steps, *self._out_nodes()]
        marks = {path: tuple(marks) for path, marks in self._guards().items()}
        return Graph(self.recipe.name, nodes, edges, _clusters(steps, marks, self.recipe), summary)

    # -- nodes

    def _inputs(self, edges: Sequence[Edge]) -> Iterator[Node]:
        """What the first steps take: columns, files, URLs, parameters."""
        refs = {_input_id(ref): ref for ref in self._refs() if ref.kind is not RefKind.STEP}
        taken = {edge.source for edge in edges}
        rows = f"{count(len(self.plan.rows), 'row')}" if self.plan and self.manifest else ""
        for name, ref in refs.items():
            if name in taken:
                about = self._origin(ref)
                marks = (rows,) if rows and ref.kind is RefKind.ROW else ()
                yield Node(name, _shown(ref), Kind.INPUT, about, marks)

    def _refs(self) -> Iterator[Ref]:
        for step in self.steps.values():
            yield from step.inputs.values()
            yield from (guard.instead for guard in step.guards if guard.instead)
        yield from (output.ref for output in self.outputs)

    def _origin(self, ref: Ref) -> str:
        if ref.kind is RefKind.ROW and self.manifest:
            source = PurePath(self.manifest.source)
            return source.name if source.is_absolute() else self.manifest.source
        return {RefKind.PARAM: "a parameter", RefKind.FILE: "a file", RefKind.URL: "fetched"}.get(ref.kind, "")

    def _node(self, alike: Sequence[Step]) -> Node:
        step, plan = alike[0], self.plan
        numbers: Counter[Action] = Counter()
        for one in alike if plan else ():
            numbers += plan.by_step[one.id] if plan else Counter()
        return Node(
            step.name,
            step.path[-1],
            _kind(step.function.name),
            step.function.name,
            tuple(self._marks(step)),
            tuple(Count(numbers[action], word, mood) for action, word, mood in _ACTIONS if numbers[action]),
            _cost(plan, alike) if plan else "",
            len(alike),
            step.path[:-1],
        )

    def _marks(self, step: Step) -> Iterator[str]:
        """What is special about a step: how often, whether at all, how many, and what they must be."""
        if step.per_run:
            yield "once, for all rows"
        if step.when is not True:
            yield _condition(Guard(step.when, step.when_false, step.id, ()))
        if step.candidates > 1:
            by = "the most similar" if step.pick.by == BY_LIKENESS else step.pick.by
            yield f"{step.candidates} candidates, picked {'by hand' if step.pick.is_by_hand else f'by {by}'}"
        if step.expect or step.reroll:
            yield ", ".join(["gate", *([count(step.reroll, "reroll")] if step.reroll else [])])

    def _guards(self) -> dict[tuple[str, ...], list[str]]:
        """The conditions of recipes that steps use, by the path of such a step."""
        found: dict[tuple[str, ...], list[str]] = {}
        for step in self.steps.values():
            for guard in step.guards:
                path = next(
                    step.path[: length + 1]
                    for length in range(len(step.within))
                    if ".".join(step.within[: length + 1]) == guard.step
                )
                words = _condition(guard)
                if words not in found.setdefault(path, []):
                    found[path].append(words)
        return found

    def _out_nodes(self) -> Iterator[Node]:
        named: dict[str, list[Output]] = {}
        for output in self.outputs:
            if not output.is_sidecar:
                named.setdefault(plain(output.name), []).append(output)
        for name, alike in named.items():
            to = alike[0].to
            where = _VALUE.sub(r"{\1}", to.source if isinstance(to, Template) else to)
            yield Node(f"out {name}", name, Kind.OUTPUT, where, copies=len(alike))

    # -- edges

    def _edges(self) -> Iterator[Edge]:
        for step in self.steps.values():
            for slot, ref in step.inputs.items():
                yield from self._taking(step.name, step, slot, ref)

    def _taking(self, target: str, step: Step, slot: str, ref: Ref) -> Iterator[Edge]:
        label = _label(step, slot)
        for source in dict.fromkeys(self._source(one) for one in ref.each):
            if source != target:
                yield Edge(source, target, label, self._way(step, ref))

    def _way(self, step: Step, ref: Ref) -> Way:
        if not ref.every:
            return Way.ONE
        return Way.ROWS if step.per_run and not self.steps[ref.every[0]].per_run else Way.ALL

    def _source(self, ref: Ref) -> str:
        return self.steps[ref.name].name if ref.kind is RefKind.STEP else _input_id(ref)

    def _given(self) -> Iterator[Edge]:
        for output in self.outputs:
            if not output.is_sidecar:
                yield Edge(self._source(output.ref), f"out {plain(output.name)}")

    def _past(self) -> Iterator[Edge]:
        """What goes on in the place of a picture whose step is bypassed."""
        for step in self.steps.values():
            for ref in step.inputs.values():
                yield from self._around(ref, step.name, frozenset(guard.step for guard in step.guards))
        for output in self.outputs:
            if not output.is_sidecar:
                yield from self._around(output.ref, f"out {plain(output.name)}", frozenset())

    def _around(self, ref: Ref, target: str, inside: frozenset[str]) -> Iterator[Edge]:
        for source in ref.steps:
            step = self.steps[source]
            for guard in step.conditions:
                instead = guard.instead if guard.otherwise == "bypass" and guard.step not in inside else None
                if instead and (guard.when is not True or step.expect) and self._source(instead) != target:
                    yield Edge(self._source(instead), target, way=Way.PAST)


def _clusters(
    nodes: Iterable[Node], marks: Mapping[tuple[str, ...], tuple[str, ...]], recipe: Recipe | None = None
) -> list[Cluster]:
    paths = dict.fromkeys(node.within[:length] for node in nodes for length in range(1, len(node.within) + 1))
    return [Cluster(path, _file(recipe, path) if recipe else "", marks.get(path, ())) for path in paths]


def _file(recipe: Recipe, path: tuple[str, ...]) -> str:
    """The recipe that a step uses, as it names it."""
    steps, folder, said = recipe.document.data["steps"], "", ""
    for step in path:
        said = steps[step]["uses"]
        name = posixpath.normpath(posixpath.join(folder, said))
        folder, steps = posixpath.dirname(name), recipe.used[name]["steps"]
    return said


def _cost(plan: Plan, alike: Sequence[Step]) -> str:
    """What the open jobs of the instances cost together; empty for what is free."""
    paid = [step.id for step in alike if plan.is_paid(step.id) and plan.to_pay(step.id)]
    amounts = [plan.step_usd(step) for step in paid]
    if not paid:
        return ""
    return dollars(sum((usd for usd in amounts if usd), Decimal(0))) if None not in amounts else "price not known"


def _condition(guard: Guard) -> str:
    when = guard.when.source.strip() if isinstance(guard.when, Template) else str(guard.when).lower()
    when = " ".join(when.split())
    return f"if {when if len(when) <= _LONG else f'{when[: _LONG - 1].rstrip()}…'}, else {guard.otherwise}"


def _label(step: Step, slot: str) -> str:
    """What a picture is to a step, where that isn't plain: mask, hint, the place among several."""
    head, _, tail = slot.partition(".")
    if head == "image":
        return ""
    several = sum(other.startswith("images.") for other in step.inputs) > 1
    if head == "images":
        every = step.inputs[slot].every
        return "all" if every else str(int(tail) + 1) if several and tail.isdigit() else ""
    return f"{head} {tail}".strip().replace("hint mask", "hint")


def _input_id(ref: Ref) -> str:
    return f"in {ref}"


def _shown(ref: Ref) -> str:
    return ref.name if ref.kind in (RefKind.ROW, RefKind.FILE, RefKind.PARAM) else str(ref)
