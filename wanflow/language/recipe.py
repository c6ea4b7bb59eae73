"""A recipe as a value: its steps in an order in which they can run, its manifest and its outputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from wanflow.canon import JSON
from wanflow.documents.schemas import Schema
from wanflow.documents.source import Document, NodePath
from wanflow.functions.catalog import Function
from wanflow.language import graph
from wanflow.language.expect import Expect
from wanflow.language.templates import Template
from wanflow.model import Ref, RefKind

# What the name of an output's sidecar ends with; no output, and no instance of one, has a slash in its name.
SIDECAR = "/sidecar"
HAND = "hand"
# Who chooses among candidates without anything installed.
PICKERS = (HAND, "first", "sharpest", "most_similar")


@dataclass(frozen=True, slots=True)
class Pick:
    """How one of several candidates is chosen; `top` is how many are, None where `.all` means every candidate."""

    by: str = "first"
    top: int | None = None

    @property
    def is_by_hand(self) -> bool:
        """Whether a person chooses."""
        return self.by == HAND


@dataclass(frozen=True, slots=True)
class Guard:
    """What decides whether a step runs for a row: a condition, what is done where it is false, and what it is about.

    `instead` is the picture that goes on where that is `bypass`.
    """

    when: Template | bool
    otherwise: str
    step: str
    where: NodePath
    instead: Ref | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the graph: its function, where its images come from, and its parameters as far as known.

    A step with a matrix is as many of them, called look@book-0.4. With `per_run` it runs once, not once a row. One of a
    recipe that another one uses is `within` the step that does (restore@a), has its conditions as `guards`, and stands
    in that recipe's file. `slots` are the places where its pictures are named when that isn't done in the step itself.
    """

    id: str
    function: Function
    inputs: Mapping[str, Ref]
    constants: Mapping[str, Any]
    templates: Mapping[str, Template]
    when: Template | bool = True
    otherwise: str = ""
    model: str | None = None
    places: Mapping[str, NodePath] = field(default_factory=dict)
    region: tuple[Any, ...] = ()
    tags: tuple[str, ...] = ()
    per_run: bool = False
    candidates: int = 1
    pick: Pick = Pick()
    expect: Expect | None = None
    reroll: int = 0
    within: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    slots: Mapping[str, NodePath] = field(default_factory=dict)

    @property
    def path(self) -> tuple[str, ...]:
        """What recipes call it, from the outermost one in: ids without the instances of a matrix."""
        own = self.id[sum(len(step) + 1 for step in self.within) :]
        return tuple(plain(step) for step in (*self.within, own))

    @property
    def name(self) -> str:
        """What the recipe calls it: the id without the instances of a matrix."""
        return ".".join(self.path)

    @property
    def names(self) -> frozenset[str]:
        """All that a selection may call it: its id and name, and those of the steps that it is within."""
        ids = {".".join(self.within[:length]) for length in range(1, len(self.within) + 1)}
        return frozenset({self.id, *ids} | {".".join(self.path[:length]) for length in range(1, len(self.path) + 1)})

    @property
    def conditions(self) -> tuple[Guard, ...]:
        """What decides whether it runs, in the order in which it is asked."""
        return (*self.guards, Guard(self.when, self.when_false, self.id, self.where(), self.inputs.get("image")))

    def where(self, *parts: str | int) -> NodePath:
        """A place within it in the recipe, or in one that it uses."""
        if not self.within:  # for every row of most recipes
            return ("steps", plain(self.id), *parts)
        *users, own = self.path
        return (*(part for user in users for part in ("steps", user, "uses")), "steps", own, *parts)

    def place(self, parameter: str) -> NodePath:
        """Where the value of a parameter stands: in this step's with, or in defaults."""
        return self.places.get(parameter, self.where("with"))

    def named_at(self, slot: str) -> NodePath:
        """Where the picture of an input is named."""
        return self.slots.get(slot) or self.slot_place(slot)

    def slot_place(self, slot: str) -> NodePath:
        """Where an input stands."""
        head, _, tail = slot.partition(".")
        if head == "images" and any(ref.every for ref in self.inputs.values()):
            return self.where(head)  # one entry may stand for several slots
        return self.where(head, *((int(tail) if tail.isdigit() else tail,) if tail else ()))

    @property
    def when_false(self) -> str:
        """What becomes of a row whose when is false: skip, bypass or fail."""
        return self.otherwise or "skip"

    @property
    def when_unfit(self) -> str:
        """The same, when no picture is as expected; what nobody foresaw fails."""
        return self.otherwise or "fail"

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps whose pictures this one takes, or hands on when it is bypassed."""
        instead = (guard.instead for guard in self.guards if guard.instead)
        return tuple(step for ref in (*self.inputs.values(), *instead) for step in ref.steps)


@dataclass(frozen=True, slots=True)
class Output:
    """A picture that appears in the output folder; of a step with a matrix, one for each instance: web@book-0.4.

    Its `provenance` may be told in it (embed), or beside it (sidecar): that file is an output, too, called web/sidecar.
    """

    name: str
    ref: Ref
    to: Template | str
    quality: int | None = None
    per_run: bool = False
    provenance: str | None = None

    @property
    def is_sidecar(self) -> bool:
        """Whether it is no picture but what tells where one comes from."""
        return self.name.endswith(SIDECAR)

    @property
    def shown(self) -> str:
        """The name of the picture that it is, or belongs to."""
        return self.name.removesuffix(SIDECAR)

    def where(self, *parts: str | int) -> NodePath:
        """A place within it in the recipe."""
        return ("outputs", plain(self.name), *parts)


def plain(name: str) -> str:
    """What the recipe calls a step or output: its name without the instance of a matrix."""
    return name.removesuffix(SIDECAR).partition("@")[0]


@dataclass(frozen=True, slots=True)
class ManifestSpec:
    """Which rows there are: a file or glob, the key column, types, a row schema and a filter."""

    source: str
    key: str
    types: Mapping[str, str]
    schema: str | None = None
    where: Template | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A checked recipe; `steps` stand in an order in which they can run.

    `used` is what stands in the recipes that it uses, by their path from its folder.
    """

    name: str
    file: Path
    document: Document
    params: Mapping[str, Any]
    manifest: ManifestSpec | None
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]
    budget: Decimal | None = None
    used: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its relative paths start."""
        return self.file.parent

    def step(self, step_id: str) -> Step:
        """A step by id. Raises KeyError."""
        return next((step for step in self.steps if step.id == step_id), None) or _no_step(step_id)


def _no_step(step_id: str) -> Step:
    raise KeyError(step_id)


def normal(value: JSON, rule: Schema) -> JSON:
    """A value as the wire would carry it, so that 1 and 1.0 are one key where the parameter is a number."""
    if isinstance(value, bool | Template):
        return value
    kind = rule.get("type")
    if kind == "array" and isinstance(value, list):
        rules = [*rule.get("prefixItems", []), *[rule.get("items", {})] * len(value)]
        return [normal(item, one) for item, one in zip(value, rules, strict=False)]
    if kind == "number" and isinstance(value, int):
        return float(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def over(recipe: Recipe, manifest: str | None) -> Recipe:
    """The same recipe over another manifest (the --manifest flag); what it says about rows stays."""
    if manifest is None:
        return recipe
    spec = recipe.manifest or ManifestSpec(manifest, "id", {})
    return replace(recipe, manifest=replace(spec, source=manifest))


def without(recipe: Recipe, faulty: Collection[NodePath]) -> Recipe:
    """The recipe without the steps and outputs at these places, and what needs them: what can still be checked."""
    steps = {where[1] for where in faulty if where[0] == "steps"}
    outputs = {where[1] for where in faulty if where[0] == "outputs"}
    elsewhere = {step.id for step in recipe.steps if not set(step.slots.values()).isdisjoint(faulty)}
    named = {step.id for step in recipe.steps if step.path[0] in steps} | elsewhere
    gone = graph.with_descendants({step.id: step.needs for step in recipe.steps}, named)
    refs = {Ref(RefKind.STEP, step) for step in gone}
    kept = tuple(output for output in recipe.outputs if plain(output.name) not in outputs and output.ref not in refs)
    return replace(recipe, steps=tuple(step for step in recipe.steps if step.id not in gone), outputs=kept)
