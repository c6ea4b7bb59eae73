"""What the steps of a recipe are called, and whether one may take the pictures of another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from wanflow.documents.source import NodePath
from wanflow.errors import did_you_mean
from wanflow.language.matrix import Instance, instance_of, instances
from wanflow.language.recipe import Step, plain
from wanflow.model import Ref, RefKind

MAX_STEPS = 1_000
_STEP = re.compile(r"steps\.([a-z][a-z0-9_]*)(?:(\.all)|@(.+))?")


class Note(Protocol):
    """Tells a problem at a place of the recipe."""

    def __call__(self, where: NodePath, rule: str, message: str, hint: str = "", *, key: bool = False) -> None:
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

    def read(self, entries: Mapping[str, Any]) -> None:
        """Make the instances of these steps, which meet the schema; what is wrong with a matrix is told."""
        for name, entry in entries.items():
            if "matrix" in entry:
                self.instances[name], faults = instances(entry["matrix"], entry.get("exclude", ()))
                for where, message, hint in faults:
                    self._note(("steps", name, *where), "matrix", message, hint)
            elif "exclude" in entry:
                self._note(("steps", name, "exclude"), "matrix", f"{name} has no matrix to exclude from", key=True)
        count = sum(len(self.instances[name]) if name in self.instances else 1 for name in entries)
        if count > MAX_STEPS:
            message = (
                f"with every instance of every matrix there are {count:,} steps; at most {MAX_STEPS:,} are planned"
            )
            self._note(("steps",), "matrix", message, "Make a matrix smaller.", key=True)
            self.instances = {name: [] for name in self.instances}

    def each(self, step: Step) -> Iterator[Step]:
        """The step itself, or one for each instance of its matrix."""
        if step.id not in self.instances:
            yield step
        for instance in self.instances.get(step.id, ()):
            yield instance_of(step, instance)

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
        if ref.kind is RefKind.STEP and not ref.every and ref.name in self.instances:
            return self._refuse_several(ref.name, where)
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

    def _refuse_several(self, name: str, where: NodePath) -> bool:
        if ids := [f"steps.{one}" for one in self.ids(name)]:
            message = f"steps.{name} is {len(ids)} pictures: {', '.join([*ids[:4], *(['…'] if len(ids) > 4 else [])])}"
            hint = f"Take one of them, or all of them with images: steps.{name}.all."
            self._note(where, "reference", message, hint)
        return False
