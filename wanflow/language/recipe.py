"""A recipe as a value: its steps in an order in which they can run, its manifest and its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from wanflow.canon import JSON
from wanflow.documents.schemas import Schema
from wanflow.documents.source import Document, NodePath
from wanflow.functions.catalog import Function
from wanflow.language import graph
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
class Step:
    """One node of the graph: its function, where its images come from, and its parameters as far as known.

    A step with a matrix is as many of them, called look@book-0.4. With `per_run` it runs once, not once a row.
    """

    id: str
    function: Function
    inputs: Mapping[str, Ref]
    constants: Mapping[str, Any]
    templates: Mapping[str, Template]
    when: Template | bool = True
    otherwise: str = "skip"
    model: str | None = None
    places: Mapping[str, NodePath] = field(default_factory=dict)
    region: tuple[Any, ...] = ()
    tags: tuple[str, ...] = ()
    per_run: bool = False
    candidates: int = 1
    pick: Pick = Pick()

    @property
    def name(self) -> str:
        """What the recipe calls it: the id without the instance of a matrix."""
        return plain(self.id)

    def where(self, *parts: str | int) -> NodePath:
        """A place within it in the recipe."""
        return ("steps", self.name, *parts)

    def place(self, parameter: str) -> NodePath:
        """Where the value of a parameter stands: in this step's with, or in defaults."""
        return self.places.get(parameter, self.where("with"))

    def slot_place(self, slot: str) -> NodePath:
        """Where an input stands."""
        head, _, tail = slot.partition(".")
        if head == "images" and any(ref.every for ref in self.inputs.values()):
            return self.where(head)  # one entry may stand for several slots
        return self.where(head, *((int(tail) if tail.isdigit() else tail,) if tail else ()))

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps whose pictures this one takes."""
        return tuple(step for ref in self.inputs.values() for step in ref.steps)


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
    """A checked recipe; `steps` stand in an order in which they can run."""

    name: str
    file: Path
    document: Document
    params: Mapping[str, Any]
    manifest: ManifestSpec | None
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]
    budget: Decimal | None = None

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


def without(recipe: Recipe, steps: set[str], outputs: set[str]) -> Recipe:
    """The recipe without these steps, what needs them, and these outputs: what can still be checked."""
    faulty = {step.id for step in recipe.steps if step.name in steps}
    gone = graph.with_descendants({step.id: step.needs for step in recipe.steps}, faulty)
    refs = {Ref(RefKind.STEP, step) for step in gone}
    kept = tuple(output for output in recipe.outputs if plain(output.name) not in outputs and output.ref not in refs)
    return replace(recipe, steps=tuple(step for step in recipe.steps if step.id not in gone), outputs=kept)
