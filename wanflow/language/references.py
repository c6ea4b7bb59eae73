"""What the steps of a recipe are called, and whether one may take the pictures of another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from wanflow.documents.source import NodePath
from wanflow.errors import Rule, did_you_mean
from wanflow.language.matrix import Instance, instance_of, instances, taken_over
from wanflow.language.recipe import Step, plain
from wanflow.model import Ref, RefKind

MAX_STEPS = 1_000
_STEP = re.compile(r"steps\.([a-z][a-z0-9_]*)(?:(\.all)|@(.+))?")


class Note(Protocol):
    """Tells a problem at a place of the recipe."""

    def __call__(self, where: NodePath, rule: Rule, message: str, hint: str = "", *, key: bool = False) -> None:
        """Place, rule, message, remedy; `key` is for the name that stands there, not its value."""


def step_named(text: object) -> str | None:
    """The step that a reference names, without instance; None when it names none."""
    match = _STEP.fullmatch(text) if isinstance(text, str) else None
    return match[1] if match else None


class References:
    """The steps of one recipe by name; `instances` holds those of steps with a matrix, none of one that is faulty."""

    def __init__(self, steps: Mapping[str, Any], note: Note) -> None:
        self.instances: dict[str, list[Instance]] = {}
        self._steps, self._note = steps, note
        self._origin: dict[str, str] = {}  # the step in which the matrix of a step is written

    def read(self, entries: Mapping[str, Any]) -> None:
        """Make the instances of these steps, which meet the schema; what is wrong with a matrix is told."""
        for name, entry in entries.items():
            if "matrix" in entry:
                self._make(name, entries, ())
            elif "exclude" in entry:
                message, hint = f"{name} has no matrix to exclude from", "Leave exclude out, or add matrix:."
                self._note(("steps", name, "exclude"), "matrix", message, hint, key=True)
        count = sum(len(self.instances[name]) if name in self.instances else 1 for name in entries)
        if count > MAX_STEPS:
            message = (
                f"with every instance of every matrix there are {count:,} steps; at most {MAX_STEPS:,} are planned"
            )
            self._note(("steps",), "matrix", message, "Make a matrix smaller.", key=True)
            self.instances = {name: [] for name in self.instances}

    def _make(self, name: str, entries: Mapping[str, Any], followers: tuple[str, ...]) -> None:
        """Make the instances of a step, those of the one whose matrix it takes over first."""
        if name in self.instances:
            return
        entry = entries[name]
        matrix, exclude = entry["matrix"], entry.get("exclude", ())
        if not isinstance(matrix, str):
            self._origin[name] = name
            self.instances[name], faults = instances(matrix, exclude)
        else:
            other, chain = str(step_named(matrix)), (*followers, name)
            every: list[Instance] = []
            if self._is_followable(name, other, entries, chain):
                self._make(other, entries, chain)
                self._origin[name] = self._origin.get(other, other)
                every = self.instances[other]
            self.instances[name], faults = taken_over(every, exclude) if every else ([], [])
        for where, message, hint in faults:
            self._note(("steps", name, *where), "matrix", message, hint)

    def _is_followable(self, name: str, other: str, entries: Mapping[str, Any], chain: tuple[str, ...]) -> bool:
        """Whether a step may take over the matrix of another; why not is told."""
        where: NodePath = ("steps", name, "matrix")
        if other not in self._steps:
            self._note(where, "reference", f"matrix: there is no step {other}", did_you_mean(other, self._steps))
        elif other in chain:
            message = f"steps take over each other's matrix in a circle: {' -> '.join([*chain, other])}"
            self._note(where, "cycle", message, "One of them must say its values: matrix: {name: [value, …]}.")
        elif other in entries and "matrix" not in entries[other]:
            hint = "Name a step that has one, or say the values here: matrix: {name: [value, …]}."
            self._note(where, "reference", f"matrix: {other} has no matrix to take over", hint)
        else:
            return other in entries
        return False

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of a step's matrix, its own or taken over."""
        matrix = self._steps.get(self._origin.get(name, name), {}).get("matrix", ())
        return tuple(matrix) if isinstance(matrix, dict) else ()

    def _are_alike(self, name: str, other: str) -> bool:
        """Whether two steps have the same matrix, so that one takes the pictures of the other's instances."""
        return name in self._origin and self._origin[name] == self._origin.get(other)

    def each(self, step: Step) -> Iterator[Step]:
        """The step itself, or one for each instance of its matrix."""
        if step.id not in self.instances:
            yield step
        alike = {other for other in self._origin if self._are_alike(step.id, other)}
        for instance in self.instances.get(step.id, ()):
            yield instance_of(step, instance, alike)

    def ids(self, name: str) -> tuple[str, ...]:
        """The ids of a step: one, or one for each instance."""
        if name not in self.instances:
            return (name,)
        return tuple(f"{name}@{instance.name}" for instance in self.instances[name])

    def is_per_run(self, name: str) -> bool:
        """Whether a step runs once for the whole run."""
        entry = self._steps.get(name)
        return isinstance(entry, dict) and entry.get("per") == "run"

    def step(self, text: str, where: NodePath) -> Ref | None:
        """What a text that names a step means; None, and told, when there is no such instance."""
        name, every, instance = _STEP.fullmatch(text).groups()  # type: ignore[union-attr]  # the schema saw to its form
        if every:
            return Ref(RefKind.STEP, name, self.ids(name))
        if instance and name not in self.instances:
            if "matrix" not in self._steps.get(name, {}):
                self._note(where, "reference", f"{name} has no matrix, so there is no {text}", f"Take steps.{name}.")
            return None
        if instance and (wanted := f"{name}@{instance}") not in (ids := self.ids(name)):
            if ids:
                self._note(where, "reference", f"there is no instance {wanted}", did_you_mean(wanted, ids))
            return None
        return Ref(RefKind.STEP, f"{name}@{instance}" if instance else name)

    def is_takable(self, name: str, slot: str, ref: Ref, where: NodePath) -> bool:
        """Whether a step may take this as an input; why not is told."""
        if ref.is_one_step and ref.name in self.instances:
            if not self._are_alike(name, ref.name):
                return self._refuse_several(name, slot, ref.name, where)
            if lacking := sorted(set(self._names(name)) - set(self._names(ref.name))):
                hint = f"Say matrix: steps.{ref.name}, or exclude it here, too."
                self._note(where, "reference", f"{name} has the instance {lacking[0]}, but {ref.name} has not", hint)
                return False
        complaint = self._complaint(name, slot, ref)
        if complaint:
            self._note(where, "reference", *complaint)
        return complaint is None

    def _complaint(self, name: str, slot: str, ref: Ref) -> tuple[str, str] | None:
        once, taken = "is made once for the whole run", plain(ref.name)
        if ref.every and not slot.startswith("images"):
            return f"{ref} is several pictures, and {slot} takes one", "Name one of them."
        if not self.is_per_run(name):
            if not ref.steps or not self.is_per_run(taken):
                return None
            return (
                f"{taken} {once}, after all rows",
                f"Only steps with per: run can take it; {name} could have that, too.",
            )
        if ref.kind is RefKind.ROW:
            return f"{name} {once}, so it has no row", "Take steps.ID.all, params.… or file:…."
        if ref.every or not ref.steps or self.is_per_run(taken):
            return None
        hint = f"Take the pictures of all rows with images: steps.{taken}.all."
        return f"{name} {once}, but {ref} is made for every row", hint

    def _names(self, name: str) -> list[str]:
        return [instance.name for instance in self.instances[name]]

    def _refuse_several(self, name: str, slot: str, taken: str, where: NodePath) -> bool:
        if ids := [f"steps.{one}" for one in self.ids(taken)]:
            message = f"steps.{taken} is {len(ids)} pictures: {', '.join([*ids[:4], *(['…'] if len(ids) > 4 else [])])}"
            hint = f"Take one of them, or all of them with images: steps.{taken}.all."
            if slot.startswith("images"):
                hint = f"Write steps.{taken}.all for all of them, or take one of them."
            elif name not in self.instances:
                hint += f" To go on with each of them, add matrix: steps.{taken}."
            self._note(where, "reference", message, hint)
        return False
