"""What was chosen of a recipe's results, as a value and as text: one line a choice, in order of row and step.

A choice names its picture by the digest of its content, so that neither order nor machine matters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from wanflow.documents.source import Document
from wanflow.model import FIRST, Take

Place = tuple[str, str]  # row and step
# What the take is called that is there without anybody asking for one.
FIRST_TAKE = "first"
HEAD = """\
# What was chosen of the results of {recipe}: text for git.
# wanflow writes a line for each choice, in order of row and step, and keeps no other comments than these.
wanflow: 1
recipe: {quoted}
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidates of a job that go on, best first; `line` is where it stands in its file, 0 for a new one."""

    row: str
    step: str
    digests: tuple[str, ...]
    when: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class NamedTake:
    """A further result of a job; of one that is `used`, this is what goes on."""

    row: str
    step: str
    name: str
    ahead: int
    used: bool = False
    when: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Frozen:
    """A result that is kept whatever the recipe says; `key` is the one that the job had, "" when not known."""

    row: str
    step: str
    sha256: str
    key: str = ""
    when: str = ""
    line: int = 0


Entry = TypeVar("Entry", Choice, NamedTake, Frozen)
Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Picks:
    """All that was chosen of one recipe's results. Of what is said twice, the later counts."""

    choices: Mapping[Place, Choice] = field(default_factory=dict)
    takes: Mapping[tuple[str, str, str], NamedTake] = field(default_factory=dict)
    frozen: Mapping[Place, Frozen] = field(default_factory=dict)
    _lines: dict[str, list[str]] = field(default_factory=dict, compare=False, repr=False)
    _takes_of: dict[Place, list[NamedTake]] = field(default_factory=dict, compare=False, repr=False)
    _frozen_of: dict[str, set[str]] = field(default_factory=dict, compare=False, repr=False)

    def choice(self, row: str, step: str) -> tuple[str, ...]:
        """The digests that were chosen for a job, best first."""
        found = self.choices.get((row, step))
        return found.digests if found else ()

    def takes_of(self, row: str, step: str) -> Sequence[NamedTake]:
        """The takes of a job beside its first one, in order of their seeds."""
        if not self._takes_of:
            for take in sorted(self.takes.values(), key=lambda take: take.ahead):
                self._takes_of.setdefault((take.row, take.step), []).append(take)
        return self._takes_of.get((row, step), ())

    def frozen_of(self, row: str) -> Collection[str]:
        """The steps of a row whose results are frozen."""
        if not self._frozen_of:
            for of, step in self.frozen:
                self._frozen_of.setdefault(of, set()).add(step)
        return self._frozen_of.get(row, ())

    def take(self, row: str, step: str) -> Take:
        """The take of a job that goes on."""
        if not self.takes:
            return FIRST
        used = [take for take in self.takes_of(row, step) if take.used]
        return Take(used[-1].name, used[-1].ahead) if used else FIRST

    def places(self) -> Iterator[Place]:
        """Every row and step that something was chosen for."""
        yield from dict.fromkeys([*self.choices, *(name[:2] for name in self.takes), *self.frozen])

    def digests(self) -> set[str]:
        """Every picture that was chosen or frozen."""
        chosen = {sha256 for choice in self.choices.values() for sha256 in choice.digests}
        return chosen | {frozen.sha256 for frozen in self.frozen.values()}

    def of_row(self, row: str) -> str:
        """All that was chosen for a row, as one text: another text, another result."""
        if not self._lines and (self.choices or self.takes or self.frozen):
            entries: list[Any] = [*self.choices.values(), *self.takes.values(), *self.frozen.values()]
            for entry in entries:
                self._lines.setdefault(entry.row, []).append(repr(replace(entry, line=0, when="")))
        return "\n".join(sorted(self._lines.get(row, ())))

    # -- changed ones

    def with_choices(self, *made: Choice) -> Picks:
        """With these choices in place of earlier ones of the same jobs."""
        return self._with(choices={**self.choices, **{(one.row, one.step): one for one in made}})

    def without_choices(self, places: Collection[Place]) -> Picks:
        """Without the choices of these jobs."""
        return self._with(choices={place: one for place, one in self.choices.items() if place not in places})

    def with_take(self, made: NamedTake) -> Picks:
        """With a take, or another word on whether it is used; at most one of a job is."""
        takes = {**self.takes, (made.row, made.step, made.name): made}
        return self._with(takes=takes).using(made.row, made.step, made.name) if made.used else self._with(takes=takes)

    def using(self, row: str, step: str, name: str | None) -> Picks:
        """With this take of a job going on; None: its first one."""
        takes = {
            place: replace(take, used=take.name == name) if place[:2] == (row, step) else take
            for place, take in self.takes.items()
        }
        return self._with(takes=takes)

    def with_frozen(self, made: Frozen) -> Picks:
        """With a job's result frozen."""
        return self._with(frozen={**self.frozen, (made.row, made.step): made})

    def without_frozen(self, row: str, step: str) -> Picks:
        """With a job's result thawed."""
        return self._with(frozen={place: one for place, one in self.frozen.items() if place != (row, step)})

    def _with(self, **parts: Any) -> Picks:
        return replace(self, **parts, _lines={}, _takes_of={}, _frozen_of={})


# -- text


def stamp(moment: datetime) -> str:
    """A time as it stands in the file."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def text_of(picks: Picks, recipe: str) -> str:
    """The file's text. Equal picks have equal texts, and a changed one is a changed line."""
    parts = [HEAD.format(recipe=recipe.replace("\n", " "), quoted=_quoted(recipe))]
    parts += _section("picks", picks.choices.values(), _choice)
    parts += _section("takes", picks.takes.values(), _take)
    parts += _section("frozen", picks.frozen.values(), _frozen)
    return "".join(parts)


def _section(name: str, entries: Iterable[Entry], line: Callable[[Entry], str]) -> Iterator[str]:
    ordered = sorted(entries, key=lambda entry: (entry.row, entry.step, getattr(entry, "ahead", 0)))
    if ordered:
        yield f"{name}:\n"
    for entry in ordered:
        when = f", when: {_quoted(entry.when)}" if entry.when else ""
        yield f"- {{row: {_quoted(entry.row)}, step: {_quoted(entry.step)}, {line(entry)}{when}}}\n"


def _choice(choice: Choice) -> str:
    several = len(choice.digests) > 1
    return f"sha256: [{', '.join(choice.digests)}]" if several else f"sha256: {choice.digests[0]}"


def _take(take: NamedTake) -> str:
    return f"name: {_quoted(take.name)}, ahead: {take.ahead}" + (", used: true" if take.used else "")


def _frozen(frozen: Frozen) -> str:
    return f"sha256: {frozen.sha256}" + (f", key: {frozen.key}" if frozen.key else "")


def _quoted(text: str) -> str:
    # A JSON string is a YAML one.
    return json.dumps(text, ensure_ascii=False)


def picks_of(document: Document) -> Picks:
    """What a file says that meets the schema."""
    data = document.data

    def entries(name: str) -> Iterator[tuple[dict[str, Any], int]]:
        for number, entry in enumerate(data.get(name) or ()):
            yield entry, document.mark((name, number)).line

    choices = [
        Choice(one["row"], one["step"], _digests(one["sha256"]), one.get("when", ""), line)
        for one, line in entries("picks")
    ]
    takes = [NamedTake(**one, line=line) for one, line in entries("takes")]
    frozen = [Frozen(**one, line=line) for one, line in entries("frozen")]
    return Picks(
        _latest(choices, lambda one: (one.row, one.step)),
        _latest(takes, lambda one: (one.row, one.step, one.name)),
        _latest(frozen, lambda one: (one.row, one.step)),
    )


def _latest(entries: Iterable[Entry], place: Callable[[Entry], Name]) -> dict[Name, Entry]:
    """One entry for each place: of two branches that were merged, each may have left its line."""
    found: dict[Name, Entry] = {}
    for entry in entries:
        known = found.get(place(entry))
        if known is None or entry.when >= known.when:
            found[place(entry)] = entry
    return found


def _digests(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
