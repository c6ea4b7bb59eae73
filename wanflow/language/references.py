"""What the pictures of a recipe's steps are called, and whether a step may take one.

steps.look   steps.look@book-0.4   steps.look.all       of a step; of one instance of its matrix; of all
steps.restore   steps.restore.master                    the only output of a recipe that is used; this one of several
steps.restore@a.master   steps.restore.looks@book       with a matrix, here or in there
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Protocol

from wanflow.documents.source import NodePath
from wanflow.errors import Rule, did_you_mean
from wanflow.language.matrix import Instance, instances, taken_over
from wanflow.model import Ref, RefKind

MAX_STEPS = 1_000
ALL = ".all"
_STEP = re.compile(r"steps\.([a-z][a-z0-9_]*)(.*)", re.DOTALL)


class Note(Protocol):
    """Tells a problem at a place of the recipe."""

    def __call__(self, where: NodePath, rule: Rule, message: str, hint: str = "", *, key: bool = False) -> None:
        """Place, rule, message, remedy; `key` is for the name that stands there, not its value."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One of the pictures that a step has: which instance of matrices, with the names of its values, shows it."""

    ref: Ref
    instance: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


# The pictures of an output of a used recipe, each with the instance of the step that uses it; made when asked for.
Pictures = Callable[[], Iterable[tuple[Instance | None, Picture]]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a reference means. `several` pictures where no instance is named; with `every` all of them are wanted."""

    name: str
    pictures: Sequence[Picture]
    several: bool = False
    every: bool = False

    @property
    def ref(self) -> Ref:
        """The one picture, or all; what shows an input of a used recipe is the same one in every instance."""
        first = self.pictures[0].ref
        if not self.every or first.kind is not RefKind.STEP:
            return first
        return Ref(RefKind.STEP, self.name, tuple(step for picture in self.pictures for step in picture.ref.steps))


def step_named(text: object) -> str | None:
    """The step that a reference names, without instance and output; None when it names none."""
    match = _STEP.fullmatch(text) if isinstance(text, str) else None
    return match[1] if match else None


def id_of(name: str, instance: Instance | None) -> str:
    """The id of a step, or of one instance of its matrix."""
    return f"{name}@{instance.name}" if instance else name


class References:
    """The steps of one recipe by name. `instances` holds those of steps with a matrix, none of one that is faulty."""

    def __init__(self, steps: Mapping[str, Any], note: Note) -> None:
        self.instances: dict[str, list[Instance]] = {}
        self._steps, self._note = steps, note
        self._called: dict[str, dict[str, Found]] = {}
        self._outputs: dict[str, Mapping[str, Pictures]] = {}
        self._once: set[str] = set()
        self._origin: dict[str, str] = {}  # the step in which the matrix of a step is written
        self._followed: dict[tuple[str, str], Mapping[str, Ref]] = {}  # by step and slot: the picture of each instance

    def read(self, entries: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        """Make the instances of these steps, which meet the schema; what is wrong with a matrix is told.

        `sizes` are the numbers of steps in the recipes that are used.
        """
        for name, entry in entries.items():
            if "matrix" in entry:
                self._make(name, entries, ())
            elif "exclude" in entry:
                message, hint = f"{name} has no matrix to exclude from", "Leave exclude out, or add matrix:."
                self._note(("steps", name, "exclude"), "matrix", message, hint, key=True)
        count = sum(len(self.of(name)) * sizes.get(name, 1) for name in entries)
        if count > MAX_STEPS:
            what = "every instance of every matrix" if self.instances else "those of the recipes that are used"
            message = f"with {what} there are {count:,} steps; at most {MAX_STEPS:,} are planned"
            hint = "Make a matrix smaller." if self.instances else "Use recipes less often, or fewer steps in them."
            self._note(("steps",), "matrix" if self.instances else "size", message, hint, key=True)
            self.instances = {name: [] for name in (*self.instances, *sizes)}

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

    def of(self, name: str) -> Sequence[Instance | None]:
        """The instances of a step; None stands for a step without matrix."""
        return self.instances.get(name, [None])

    def is_unknown(self, name: str) -> bool:
        """Whether a step's matrix is that of another which has none."""
        return isinstance(self._steps[name].get("matrix"), str) and not self.keys(name)

    def is_faulty(self, name: str) -> bool:
        """Whether nothing can be made of a step's matrix, or there are too many steps."""
        return not self.of(name)

    def note_step(self, name: str) -> None:
        """A step with a function can be referred to from here on."""
        pictures = [
            Picture(Ref(RefKind.STEP, id_of(name, one)), one.name if one else "", one.names if one else {})
            for one in self.of(name)
        ]
        if self._steps[name].get("per") == "run":
            self._once |= {picture.ref.name for picture in pictures}
        called = self._called[name] = {"": Found(name, pictures, name in self.instances)}
        called |= {f"@{each.instance}": Found(each.ref.name, [each]) for each in pictures if each.instance}

    def note_used(self, name: str, outputs: Mapping[str, Pictures], once: Collection[str]) -> None:
        """A step that uses a recipe can be referred to: its pictures by output, each with the step's own instance; of
        the steps in it, `once` are made once for the whole run.
        """
        self._once |= set(once)
        self._outputs[name], self._called[name] = outputs, {}

    def _forms(self, name: str, wanted: Collection[str]) -> dict[str, Found]:
        """What the pictures of a used recipe are called, of these outputs at least; there may be very many."""
        outputs, forms = self._outputs.get(name, {}), self._called[name]
        for output in outputs if len(outputs) == 1 else wanted:
            if output in outputs and f".{output}" not in forms:
                forms |= self._forms_of(name, output, outputs[output](), is_only=len(outputs) == 1)
        return forms

    def _forms_of(
        self, name: str, output: str, pictures: Iterable[tuple[Instance | None, Picture]], *, is_only: bool
    ) -> dict[str, Found]:
        forms: dict[tuple[str, bool], list[Picture]] = {}
        for one, inner in pictures:
            outer, inside = f"@{one.name}" if one else "", f"@{inner.instance}" if inner.instance else ""
            whole = ".".join(part[1:] for part in (outer, inside) if part)
            picture = Picture(inner.ref, whole, _both(one.names if one else {}, inner.names))
            middles = (f".{output}", "") if is_only else (f".{output}",)
            for head, middle in product(dict.fromkeys((outer, "")), middles):
                for tail in dict.fromkeys((inside, "")) if middle else ("",):
                    form = (f"{head}{middle}{tail}", head != outer or tail != inside)
                    forms.setdefault(form, []).append(picture)
        return {form: Found(f"{name}{form}", each, several) for (form, several), each in forms.items()}

    def is_once(self, ref: Ref) -> bool:
        """Whether what is meant is made once for the whole run."""
        return not self._once.isdisjoint(ref.steps)

    def find(self, text: str, where: NodePath) -> Found | None:
        """What a text that names a step means; None, and told, when there is no such picture."""
        name, tail = _STEP.fullmatch(text).groups()  # type: ignore[union-attr]  # the schema saw to its form
        if name not in self._called or self.is_faulty(name):
            return None  # there is no such step, or it can't be used, which is told where it stands
        called = self._forms(name, re.split("[.@]", tail))
        if found := called.get(tail):
            return found
        form = tail.removesuffix(ALL)
        if found := called.get(form):
            return replace(found, every=True)
        called = self._forms(name, self._outputs.get(name, ()))
        self._note(where, "reference", *self._unknown(name, form, called))
        return None

    def _unknown(self, name: str, form: str, called: Mapping[str, Found]) -> tuple[str, str]:
        """Why a step has no picture that is called so, and what helps."""
        known = [f"{name}{each}" for each in called if "@" in each]
        outputs = self._outputs.get(name)
        if outputs is None:
            if form.startswith("@"):
                if known:
                    return f"there is no instance {name}{form}", did_you_mean(f"{name}{form}", known)
                return f"{name} has no matrix, so there is no steps.{name}{form}", f"Take steps.{name}."
            return f"{name} has no outputs, so there is no steps.{name}{form}", f"Take steps.{name}."
        file = self._steps[name]["uses"]
        if not outputs:
            return f"{file} has no outputs, so steps.{name} is no picture", "Declare some there."
        if not form or (form.startswith("@") and any(each.startswith(f"{form}.") for each in called)):
            shown = [f"steps.{name}{form}.{output}" for output in outputs]
            return f"steps.{name}{form} is {len(outputs)} outputs of {file}", f"Take {_or(shown)}."
        wanted = form.rpartition("@")[0].removeprefix(".") or form.removeprefix(".")
        if form.startswith(".") and wanted not in outputs:
            return f"{file} has no output {wanted}", did_you_mean(wanted, outputs)
        takable = _or([f"steps.{name}.{output}" for output in outputs])
        return f"there is no instance {name}{form}", did_you_mean(f"{name}{form}", known) or f"Take {takable}."

    def is_takable(self, name: str, slot: str, found: Found, where: NodePath) -> bool:
        """Whether a step may take this as an input; why not is told."""
        return self.is_one(name, slot, found, where) and self.fits(
            name, slot, found.ref, where, once=self._steps[name].get("per") == "run"
        )

    def fits(self, name: str, slot: str, ref: Ref, where: NodePath, *, once: bool) -> bool:
        """Whether a step, which may run once for the whole run, may take this as an input; why not is told."""
        if complaint := self._complaint(name, slot, ref, once=once):
            self._note(where, "reference", *complaint)
        return complaint is None

    def _complaint(self, name: str, slot: str, ref: Ref, *, once: bool) -> tuple[str, str] | None:
        made, taken = "is made once for the whole run", ref.name.partition("@")[0]
        if ref.every and not slot.startswith("images"):
            return f"{ref} is several pictures, and {slot} takes one", "Name one of them."
        if not once:
            if not self.is_once(ref):
                return None
            return (
                f"{taken} {made}, after all rows",
                f"Only steps with per: run can take it; {name} could have that, too.",
            )
        if ref.kind is RefKind.ROW:
            return f"{name} {made}, so it has no row", "Take steps.ID.all, params.… or file:…."
        if ref.every or not ref.steps or self.is_once(ref):
            return None
        hint = f"Take the pictures of all rows with images: steps.{taken}.all."
        return f"{name} {made}, but {ref} is made for every row", hint

    def is_one(self, name: str, slot: str, found: Found, where: NodePath) -> bool:
        """Whether each instance of a step has one picture of these, or takes all; that it hasn't is told."""
        if not found.several or found.every or self.is_faulty(name):
            return True
        followed = found.name.partition(".")[0].partition("@")[0]
        by_instance = {picture.instance: picture.ref for picture in found.pictures}
        own = [one.name for one in self.instances.get(name, ())]
        if name in self._origin and self._origin[name] == self._origin.get(followed) and own:
            if not (lacking := sorted(set(own) - set(by_instance))):
                self._followed[name, slot] = by_instance
                return True
            if set(by_instance) & set(own):
                hint = f"Say matrix: steps.{followed}, or exclude it here, too."
                self._note(where, "reference", f"{name} has the instance {lacking[0]}, but {found.name} has not", hint)
                return False
        self._note_several(name, slot, found, where)
        return False

    def own(self, name: str, slot: str, ref: Ref, instance: Instance | None) -> Ref:
        """What an instance of a step takes there: of a matrix that was taken over, its own picture."""
        return self._followed.get((name, slot), {}).get(instance.name if instance else "", ref)

    def _note_several(self, name: str, slot: str, found: Found, where: NodePath) -> None:
        count = len(found.pictures)
        ids = [f"steps.{self.called(found, picture)}" for picture in found.pictures[:4]]
        message = f"steps.{found.name} is {count} pictures: {', '.join([*ids, *(['…'] if count > 4 else [])])}"
        hint = f"Take one of them, or all of them with images: steps.{found.name}.all."
        followed = found.name.partition(".")[0].partition("@")[0]
        if slot.startswith("images"):
            hint = f"Write steps.{found.name}.all for all of them, or take one of them."
        elif name not in self.instances and followed in self.instances:
            hint += f" To go on with each of them, add matrix: steps.{followed}."
        self._note(where, "reference", message, hint)

    def called(self, found: Found, picture: Picture) -> str:
        """What one of several pictures is called by itself, without steps."""
        forms = self._called[found.name.partition(".")[0].partition("@")[0]].values()
        alone = (each.name for each in reversed(forms) if not each.several and list(each.pictures) == [picture])
        return next(alone, picture.ref.name)


def _both(outer: Mapping[str, str], inner: Mapping[str, str]) -> dict[str, str]:
    """The names of the values of two matrices; a key that both have stands for both names: warm-1."""
    shared = {key: f"{name}-{inner[key]}" for key, name in outer.items() if key in inner}
    return {**outer, **inner, **shared}


def _or(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
