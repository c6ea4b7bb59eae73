"""A step's matrix -> named instances: every combination of values that exclude: leaves.

An instance is called by its values' names: first those of maps, then those of lists, each in order of the matrix keys'
names (book-0.4), so that neither the order of keys nor an inserted value renames any. It is a name only: no key of a
result holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from wanflow.documents.source import NodePath
from wanflow.errors import did_you_mean, quoted
from wanflow.language.sandbox import as_text
from wanflow.language.templates import bound
from wanflow.model import Ref

if TYPE_CHECKING:
    from wanflow.language.recipe import Step  # costs a shell's TAB 0.1 s

MOST = 100
MAX_NAME_BYTES = 100
ROOT = "matrix"
# What is safe in a file name, an address, a selection and a reference.
_NAME = re.compile(r"-?\w([\w.-]*\w)?\Z")

Fault = tuple[NodePath, str, str]  # place below the step, message, remedy


@dataclass(frozen=True, slots=True)
class Instance:
    """One combination: for each key of the matrix the value's name and the value."""

    names: Mapping[str, str]
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What follows the @ of its address."""
        return "-".join(self.names.values())


def instances(matrix: Mapping[str, Any], exclude: Sequence[Mapping[str, Any]]) -> tuple[list[Instance], list[Fault]]:
    """Every instance in order, and what is wrong with the matrix."""
    keys = sorted(matrix, key=lambda key: (not isinstance(matrix[key], dict), key))
    named = {key: _named(matrix[key]) for key in keys}
    faults = [fault for key, values in named.items() for fault in _name_faults(key, values, matrix[key])]
    if (count := prod(len(values) for values in named.values())) > MOST:
        faults.append(((ROOT,), f"the matrix has {count:,} combinations; at most {MOST} are made", "Make it smaller."))
    faults += [fault for number, entry in enumerate(exclude) for fault in _exclude_faults(number, entry, named)]
    if faults:
        return [], faults
    left, faults = _left([_instance(named, combination) for combination in product(*named.values())], exclude)
    return left, [*faults, *_clashes(left)]


def taken_over(every: Sequence[Instance], exclude: Sequence[Mapping[str, Any]]) -> tuple[list[Instance], list[Fault]]:
    """The instances of another step that exclude: leaves, and what is wrong with that."""
    named = {key: list({one.names[key]: one.values[key] for one in every}.items()) for key in every[0].names}
    faults = [fault for number, entry in enumerate(exclude) for fault in _exclude_faults(number, entry, named)]
    return ([], faults) if faults else _left(every, exclude)


def _left(every: Sequence[Instance], exclude: Sequence[Mapping[str, Any]]) -> tuple[list[Instance], list[Fault]]:
    left = [one for one in every if not any(_matches(one, entry) for entry in exclude)]
    return left, [] if left else [(("exclude",), "exclude leaves nothing of the matrix", "Leave out less.")]


def _named(values: Any) -> list[tuple[str, Any]]:
    pairs = values.items() if isinstance(values, dict) else [(value, value) for value in values]
    return [(as_text(name), value) for name, value in pairs]


def _instance(named: Mapping[str, Any], combination: Sequence[tuple[str, Any]]) -> Instance:
    pairs = dict(zip(named, combination, strict=True))
    return Instance({key: name for key, (name, _) in pairs.items()}, {key: value for key, (_, value) in pairs.items()})


def _matches(instance: Instance, entry: Mapping[str, Any]) -> bool:
    return all(instance.names[key] == as_text(name) for key, name in entry.items())


def _name_faults(key: str, values: Sequence[tuple[str, Any]], written: Any) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    places = written if isinstance(written, dict) else range(len(values))
    for (name, value), place in zip(values, places, strict=True):
        where: NodePath = (ROOT, key, place)
        if isinstance(value, str) and "${{" in value:
            yield where, f"{key}: the values of a matrix are no expressions", "Put the expression into with:."
        elif not _NAME.fullmatch(name) or len(name.encode()) > MAX_NAME_BYTES:
            hint = f"Letters, digits and . _ - are safe, {MAX_NAME_BYTES} bytes at most."
            if not isinstance(written, dict):
                hint = f"Give it a name: {key}: {{{_short(name)}: {quoted(name)}, …}}."
            yield where, f"{key}: {quoted(name[:60])} can't be part of a file's name", hint
        elif first := seen.get(name.casefold()):
            message = f"{key}: {name} stands here twice" if first == name else f"{key}: {first} and {name} are one name"
            yield where, message, "Names have to differ by more than the case of their letters."
        seen.setdefault(name.casefold(), name)


def _short(name: str) -> str:
    return "_".join(re.findall(r"\w+", name)[:2]).lower()[:20] or "a"


def _exclude_faults(number: int, entry: Mapping[str, Any], named: Mapping[str, Any]) -> Iterator[Fault]:
    for key, wanted in entry.items():
        where: NodePath = ("exclude", number, key)
        if key not in named:
            yield where, f"exclude: the matrix has no {key}", did_you_mean(key, named)
        elif as_text(wanted) not in (names := [name for name, _ in named[key]]):
            yield where, f"exclude: {key} has no {quoted(as_text(wanted))}", did_you_mean(as_text(wanted), names)


def _clashes(made: Sequence[Instance]) -> Iterator[Fault]:
    names: dict[str, Instance] = {}
    for one in made:
        if (other := names.setdefault(one.name, one)) is not one:
            both = [", ".join(f"{key}: {name}" for key, name in each.names.items()) for each in (other, one)]
            yield (ROOT,), f"{both[0]} and {both[1]} are both called {one.name}", "Give the values other names."
        elif len(one.name.encode()) > MAX_NAME_BYTES:
            message = f"the name {one.name[:60]}… has {len(one.name.encode())} bytes; at most {MAX_NAME_BYTES} are safe"
            yield (ROOT,), message, "Give the values shorter names: name: value."


def instance_of(step: Step, instance: Instance, inputs: Mapping[str, Ref]) -> Step:
    """The step for one instance: it takes these inputs, and its templates see the instance's values."""
    return replace(
        step,
        id=f"{step.id}@{instance.name}",
        inputs=inputs,
        templates={name: bound(template, ROOT, instance.values) for name, template in step.templates.items()},
        when=bound(step.when, ROOT, instance.values),
        region=tuple(bound(value, ROOT, instance.values) for value in step.region),
    )


class Named(Protocol):
    """What has the names of a matrix's values, by key."""

    @property
    def names(self) -> Mapping[str, str]:
        """By key."""


N = TypeVar("N", bound=Named)


def told_apart(instances: Sequence[N], fields: set[str]) -> tuple[N, N, list[str]] | None:
    """Two instances that these keys of the matrix don't tell apart, and the keys that would; None when all are."""
    first: dict[tuple[str, ...], N] = {}
    for other in instances:
        one = first.setdefault(tuple(name for key, name in other.names.items() if key in fields), other)
        if one is not other:
            return one, other, [key for key in one.names if one.names[key] != other.names[key]]
    return None
