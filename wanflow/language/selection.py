"""Which jobs a command means: `-s "detail 0001/ +tag:web,state:failed"`; the algebra of sets over rows and steps.

    detail  look@book-0.4  look@gold-*     a step, an instance of it, several (* and ? stand for anything)
    restore   restore.detail               all steps of a recipe that is used, one of them
    0001/   run/                           all jobs of a row, those of the whole run
    0001/detail   run/sheet                one job
    tag:web                                steps with this tag
    state:failed                           new, changed, missing, failed, parked
    +x   x+                                with what it needs; with what needs it
    x y   x,y                              either; both (no space around the comma)

A row whose key holds a space is written in double quotes: "my photo/detail".
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wanflow.errors import UsageError, did_you_mean, quoted
from wanflow.language import graph
from wanflow.model import RUN

Steps = frozenset[str]
# Of more rows than these no near name is looked for.
MOST_KEYS = 2_000
SHOWN_KEYS = 20
_TERM = re.compile(r'(?:[^\s"]|"[^"]*")+')


class State(StrEnum):
    """What a job can be picked by, as a plan of everything finds it."""

    NEW = "new"
    CHANGED = "changed"
    MISSING = "missing"
    FAILED = "failed"
    PARKED = "parked"


States = Mapping[State, Mapping[str, Steps]]  # by state and row


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for: selections of which any counts, what is left out, a last step, a number of rows."""

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    until: str | None = None
    pilot: int | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.select or self.exclude or self.until or self.pilot)

    @property
    def reads_states(self) -> bool:
        """Whether everything has to be planned first, to know what is meant."""
        return any("state:" in text for text in (*self.select, *self.exclude))


class Node(Protocol):
    """A step, as far as selecting goes."""

    @property
    def id(self) -> str:
        """look@book-0.4."""

    @property
    def names(self) -> frozenset[str]:
        """All that it may be called: its id, that without instances, and what it is within."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The ids of the steps whose pictures it takes."""

    @property
    def tags(self) -> tuple[str, ...]:
        """By what it can be picked, too."""

    @property
    def per_run(self) -> bool:
        """Whether it runs once, not once a row."""


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Jobs before a + is followed: the steps of each row, and those of any."""

    of: Callable[[str], Steps]
    anywhere: Steps


class Selection:
    """The steps that are selected, row by row; the steps of the whole run are those of the row `run`."""

    def __init__(self, steps: Sequence[Node], wish: Wish, states: States | None = None) -> None:
        """Raises UsageError for what can't be read, or names a step, tag or state that isn't there."""
        self._steps, self._states = steps, states or {}
        self._needs = {step.id: step.needs for step in steps}
        self._of_run = frozenset(step.id for step in steps if step.per_run)
        self._of_row = frozenset(self._needs) - self._of_run
        self._reached: dict[tuple[bool, Steps], Steps] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}  # of rows that were not seen yet
        self._seen: list[str] = []
        self._pilot: Collection[str] | None = None
        self._select = [self._read(text, "-s") for text in wish.select]
        self._exclude = [self._read(text, "-x") for text in wish.exclude]
        self._until = None
        if wish.until is not None:
            named = self._named(wish.until, "--until")
            self._until = self._with_ends(_Jobs(lambda row: named, named), up=True, down=False)

    def only_rows(self, keys: Collection[str]) -> None:
        """Select no job of other rows, nor of the whole run."""
        self._pilot = keys

    def of(self, row: str) -> Steps:
        """The steps of a row that are selected."""
        if self._pilot is not None and row not in self._pilot:
            return frozenset()
        chosen = self._level(row)
        if self._select:
            chosen &= _union(select(row) for select in self._select)
        if self._until:
            chosen &= self._until(row)
        return chosen - _union(exclude(row) for exclude in self._exclude)

    def needed(self, row: str) -> Steps:
        """The steps of a row that are selected, or needed by what is selected there or in the whole run."""
        wanted = self.of(row) if row == RUN else self.of(row) | self.of(RUN)
        return self._reach(wanted, up=True) & self._level(row)

    def note_row(self, key: str) -> None:
        """There is a row with this key."""
        if self._patterns:
            found = [text for text, pattern in self._patterns.items() if pattern.fullmatch(key)]
            for text in found:
                del self._patterns[text]
            if len(self._seen) <= MOST_KEYS:
                self._seen.append(key)

    def require_rows(self) -> None:
        """Raises UsageError when a row that is named was not among those noted."""
        for text in self._patterns:
            near = did_you_mean(text, self._seen) if len(self._seen) <= MOST_KEYS else ""
            if not near.startswith("Did") and len(self._seen) > SHOWN_KEYS:
                near = ""
            raise UsageError(f"{text}/: there is no row {text}. {near}".rstrip())

    # -- sets

    def _level(self, row: str) -> Steps:
        return self._of_run if row == RUN else self._of_row

    def _reach(self, steps: Steps, *, up: bool) -> Steps:
        """These steps and all that they need, or all that need them."""
        if (found := self._reached.get((up, steps))) is None:
            follow = graph.with_ancestors if up else graph.with_descendants
            found = self._reached[up, steps] = frozenset(follow(self._needs, steps)) if steps else steps
        return found

    def _with_ends(self, jobs: _Jobs, *, up: bool, down: bool) -> Callable[[str], Steps]:
        def chosen(row: str) -> Steps:
            level = self._level(row)
            found = base = jobs.of(row) & level
            if up:  # a step of the whole run needs all rows, so each row has what it needs
                found |= self._reach(base | jobs.of(RUN) & self._of_run, up=True)
            if down:  # and is needed by none, but needs any
                found |= self._reach(jobs.anywhere if row == RUN else base, up=False)
            return found & level

        return chosen

    # -- reading

    def _read(self, text: str, flag: str) -> Callable[[str], Steps]:
        terms = [term.split(",") for term in _TERM.findall(text)]
        if not terms or text.count('"') % 2 or "" in {atom.strip('+"') for atoms in terms for atom in atoms}:
            raise UsageError(f"{flag}: {quoted(text)} is no selection; write for example {flag} detail")
        either = [[self._atom(atom, flag) for atom in atoms] for atoms in terms]
        return lambda row: _union(frozenset.intersection(*(atom(row) for atom in atoms)) for atoms in either)

    def _atom(self, text: str, flag: str) -> Callable[[str], Steps]:
        up, down = text.startswith("+"), text.endswith("+")
        body = text.removeprefix("+").removesuffix("+").replace('"', "")
        return self._with_ends(self._jobs(body, flag), up=up, down=down)

    def _jobs(self, body: str, flag: str) -> _Jobs:
        method, colon, value = body.partition(":")
        if not colon:
            row, slash, name = body.rpartition("/")
            steps = self._named(name, flag) if name else frozenset(self._needs)
            return self._of_rows(row, steps, flag, body) if slash else _Jobs(lambda row: steps, steps)
        if method == "tag":
            return self._tagged(value, flag)
        if method == "state":
            if value not in list(State):
                raise UsageError(f"{flag} {body}: there is no state {value}. {did_you_mean(value, list(State))}")
            rows = self._states.get(State(value), {})
            return _Jobs(lambda row: rows.get(row, frozenset()), _union(rows.values()))
        raise UsageError(f"{flag} {body}: there is no {method}: here. {did_you_mean(method, ['tag', 'state'])}")

    def _tagged(self, tag: str, flag: str) -> _Jobs:
        steps = frozenset(step.id for step in self._steps if tag in step.tags)
        if not steps:
            known = did_you_mean(tag, {name for step in self._steps for name in step.tags}) or "No step has tags."
            raise UsageError(f"{flag} tag:{tag}: no step has the tag {tag}. {known}")
        return _Jobs(lambda row: steps, steps)

    def _named(self, name: str, flag: str) -> Steps:
        pattern = _pattern(name)
        found = frozenset(step.id for step in self._steps if any(map(pattern.fullmatch, step.names)))
        if not found:
            known = {called for step in self._steps for called in step.names if "@" not in called}
            if "@" in name and (of := name.partition("@")[0]) in known:
                known = {called for step in self._steps for called in step.names if called.startswith(f"{of}@")}
            raise UsageError(f"{flag} {name}: there is no step {name}. {did_you_mean(name, known)}")
        return found

    def _of_rows(self, row: str, steps: Steps, flag: str, body: str) -> _Jobs:
        pattern = _pattern(row)
        if row == RUN and not steps & self._of_run:
            raise UsageError(f"{flag} {body}: this is made for every row, not once for the whole run; write ROW/STEP")
        if not steps & self._of_row and not pattern.fullmatch(RUN):
            raise UsageError(f"{flag} {body}: this is made once for the whole run; write run/{body.rpartition('/')[2]}")
        if row != RUN:
            self._patterns[row] = pattern
        return _Jobs(lambda key: steps if pattern.fullmatch(key) else frozenset(), steps)


def _union(sets: Iterable[Steps]) -> Steps:
    return frozenset().union(*sets)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(text.replace("[", "[[]")))  # only * and ? are special here
