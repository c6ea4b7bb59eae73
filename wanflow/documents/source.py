"""YAML text -> data with a Mark per node. Refuses duplicate keys, tags, merge keys, alias bombs and YAML 1.1 surprises.

Built on PyYAML's event stream (libyaml), since its own composer neither limits depth nor reports duplicate keys, and
its resolver reads ``no`` as false, ``12:30`` as 750 and ``007`` as 7.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, cast

import yaml

from wanflow.errors import Mark, Problem, RecipeError, Rule, describe_os_error

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 25_000
MAX_PROBLEMS = 1_000

NodePath = tuple[str | int, ...]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?\Z")
# What YAML can't hold, and three line breaks of YAML 1.1 that no editor counts as lines.
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text: its data, and where every value and every key stands.

    A value may name another document (`uses: ./other.yaml`): a path that goes on below it leads into that one.
    """

    path: str
    lines: tuple[str, ...]
    data: Any
    marks: Mapping[NodePath, Mark] = field(default_factory=dict)
    key_marks: Mapping[NodePath, Mark] = field(default_factory=dict)
    used: Mapping[NodePath, Document] = field(default_factory=dict)

    def mark(self, where: NodePath, *, key: bool = False) -> Mark:
        """The place of a node (or of its key), or of the nearest node above it."""
        marks = self.key_marks if key else self.marks
        if found := marks.get(where):
            return found
        return self.mark(where[:-1]) if where else Mark(1, 1)

    def problem(self, where: NodePath, rule: Rule, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem at a node of this document, or of one that it uses."""
        for length in range(1, len(where)) if self.used else ():
            if inner := self.used.get(where[:length]):
                return self.in_use(where[:length], inner.problem(where[length:], rule, message, hint, key=key))
        return problem_at(self.path, self.lines, self.mark(where, key=key), rule, message, hint)

    def in_use(self, where: NodePath, problem: Problem) -> Problem:
        """A problem of the document that is named here, with the place where it is."""
        place = f"{self.path}:{self.mark(where).line} (step {where[1]})"
        return replace(problem, used_by=(*problem.used_by, place))


def problem_at(path: str, lines: tuple[str, ...], mark: Mark, rule: Rule, message: str, hint: str = "") -> Problem:
    """A problem at a mark of a text, with the line it stands on."""
    line = lines[mark.line - 1] if 0 < mark.line <= len(lines) else ""
    return Problem(rule, message, path, mark, line, hint)


def read_text(path: Path, shown: str, max_bytes: int, hint: str = "") -> str:
    """A UTF-8 text file without BOM and with plain line ends. Raises RecipeError naming the byte that isn't UTF-8."""
    try:
        found = path.stat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):  # a pipe or device may never end
            raise RecipeError([Problem("file", "this is not a regular file", shown)])
        if found.st_size > max_bytes:
            raise RecipeError([_too_large(shown, found.st_size, max_bytes, hint)])
        with path.open("rb") as file:  # what says to be small may go on, as some of the system's own files do
            raw = file.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise RecipeError([_too_large(shown, len(raw), max_bytes, hint)])
    except FileNotFoundError as error:
        raise RecipeError([Problem("file", "there is no such file", shown)]) from error
    except IsADirectoryError as error:
        raise RecipeError([Problem("file", "this is a folder, not a file", shown)]) from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file system can hold
        said = describe_os_error(error) if isinstance(error, OSError) else str(error)
        raise RecipeError([Problem("file", f"can't be read: {said}", shown)]) from error
    return decode_text(raw, shown)


def _too_large(shown: str, size: int, max_bytes: int, hint: str) -> Problem:
    return Problem(
        "size",
        f"{size:,} bytes; at most {max_bytes:,} are read",
        shown,
        hint=hint or "Data belongs into a manifest (CSV, JSONL), one row a picture.",
    )


def decode_text(raw: bytes, shown: str) -> str:
    """Bytes as UTF-8 text, BOM dropped, CRLF folded. Raises RecipeError."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RecipeError([Problem("encoding", "this is UTF-16 text", shown, hint="Save the file as UTF-8.")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8 text"
        hint = "Save the file as UTF-8 (in spreadsheets: “CSV UTF-8”)."
        raise RecipeError([Problem("encoding", message, shown, Mark(line, column), hint=hint)]) from error
    if "\0" in text:
        raise RecipeError([Problem("encoding", "this file holds NUL bytes", shown, hint="Save it as UTF-8 text.")])
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(text: str, shown: str, *, max_nodes: int = MAX_NODES) -> Document:
    """Parse one YAML document. Raises RecipeError with every duplicate key and the first syntax error."""
    text = text.removeprefix("\ufeff")
    lines = tuple(text.split("\n"))
    if found := _UNPRINTABLE.search(text):
        raise RecipeError([_unprintable(found, shown, lines)])
    builder = _Builder(shown, lines, max_nodes)
    try:
        data = builder.document(_events(text))
    except yaml.MarkedYAMLError as error:
        raise RecipeError([*builder.problems, _syntax_problem(error, shown, lines)]) from error
    except yaml.YAMLError as error:
        raise RecipeError([*builder.problems, Problem("yaml", _reader_message(error), shown)]) from error
    if builder.problems:
        raise RecipeError(builder.problems)
    return Document(shown, lines, data, builder.marks, builder.key_marks)


def _unprintable(found: re.Match[str], shown: str, lines: tuple[str, ...]) -> Problem:
    before = found.string[: found.start()]
    mark = Mark(before.count("\n") + 1, found.start() - before.rfind("\n"))
    message = f"the character U+{ord(found.group()):04X} can't stand in this file"
    return problem_at(shown, lines, mark, "yaml", message, "Remove it; it may be invisible in your editor.")


def _events(text: str) -> Iterator[yaml.Event]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.parse(text, Loader=loader)


def _syntax_problem(error: yaml.MarkedYAMLError, shown: str, lines: tuple[str, ...]) -> Problem:
    place = error.problem_mark or error.context_mark
    unended = place and error.context_mark and not "\n".join(lines[place.line :])[place.column :].strip()
    place = error.context_mark if unended else place
    mark = Mark(place.line + 1, place.column + 1) if place else Mark(1, 1)
    said = error.problem or error.context or "not YAML"
    hint = "What begins here never ends." if unended else ""
    source = lines[mark.line - 1] if mark.line <= len(lines) else ""
    if conflict := next((number for number, line in enumerate(lines, start=1) if line.startswith("<<<<<<< ")), 0):
        hint = (
            f"Line {conflict} begins a conflict of a merge: keep what counts of it, and remove the lines of <, = and >."
        )
    elif "\t" in source[: mark.column] or "'\\t'" in said:
        hint = "Indent with spaces; YAML does not take tabs."
    elif "${{" in source and "expected ','" in said:
        hint = 'Inside { } and [ ], an expression needs quotes: "${{ … }}".'
    elif "mapping values are not allowed" in said:
        hint = 'A value that holds ": " needs quotes.'
    elif "while scanning for the next token" in (error.context or ""):
        hint = "A value that starts with this character needs quotes."
    return problem_at(shown, lines, mark, "yaml", f"not valid YAML: {said}", hint)


def _reader_message(error: yaml.YAMLError) -> str:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"not valid YAML: {said}"


class _Builder:
    """Turns YAML events into plain data, collecting marks and problems on the way."""

    def __init__(self, path: str, lines: tuple[str, ...], max_nodes: int) -> None:
        self.path = path
        self.lines = lines
        self.max_nodes = max_nodes
        self.nodes = 0
        self.marks: dict[NodePath, Mark] = {}
        self.key_marks: dict[NodePath, Mark] = {}
        self.problems: list[Problem] = []
        self.anchors: dict[str, list[yaml.Event]] = {}

    def document(self, events: Iterator[yaml.Event]) -> Any:
        data: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, "yaml", "a second document starts here", "One file holds one document.")
            elif isinstance(event, yaml.NodeEvent):
                data = self._node(event, events, ())
        return data

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], where: NodePath) -> Any:
        self.nodes += 1
        if self.nodes > self.max_nodes or len(where) > MAX_DEPTH:
            self._too_large(event, len(where))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, where)
        if getattr(event, "anchor", None):
            events = self._remember(event, events)
        self.marks.setdefault(where, _mark(event))
        if getattr(event, "tag", None) not in (None, "!"):
            self._note(event, "yaml", f"tags are not part of this language: {event.tag}", "Remove the tag.")  # type: ignore[attr-defined]
        if isinstance(event, yaml.ScalarEvent):
            self._check_characters(event)
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, where)
        return self._mapping(events, where)

    def _sequence(self, events: Iterator[yaml.Event], where: NodePath) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, (*where, len(items))))
        return items

    def _mapping(self, events: Iterator[yaml.Event], where: NodePath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                self._stop(event, "yaml", "a key must be plain text", "")
            key = str(event.value)
            place = (*where, key)
            self._check_key(event, key, mapping, place)
            self.key_marks.setdefault(place, _mark(event))
            mapping[key] = self._node(next(events), events, place)
        return mapping

    def _check_key(self, event: yaml.Event, key: str, mapping: dict[str, Any], place: NodePath) -> None:
        self._check_characters(event)
        if key in mapping:
            first = self.key_marks[place].line
            self._note(event, "duplicate-key", f"{key} stands here twice, first in line {first}", "Keep one.")
        if key == "<<" and not cast(yaml.ScalarEvent, event).style:
            self._note(event, "yaml", "merge keys are not part of this language", "Use defaults:, or write it out.")

    def _check_characters(self, event: yaml.Event) -> None:
        if found := _UNPRINTABLE.search(cast(yaml.ScalarEvent, event).value):
            self._note(event, "yaml", f"the character U+{ord(found.group()):04X} can't stand in a text", "Remove it.")

    def _remember(self, event: yaml.Event, events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
        recorded = [event]
        if isinstance(event, yaml.CollectionStartEvent):
            depth = 1
            while depth:
                recorded.append(following := next(events))
                depth += isinstance(following, yaml.CollectionStartEvent)
                depth -= isinstance(following, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH or len(recorded) > 3 * self.max_nodes:
                    self._too_large(following, depth)
        name = cast(Any, event).anchor
        self.anchors[name] = recorded
        cast(Any, event).anchor = None
        return iter(recorded[1:])

    def _alias(self, event: yaml.AliasEvent, where: NodePath) -> Any:
        recorded = self.anchors.get(cast(str, event.anchor))
        if recorded is None:
            self._note(event, "yaml", f"no anchor &{event.anchor} stands before this", "")
            return None
        self.marks.setdefault(where, _mark(event))
        events = iter(recorded)
        return self._node(next(events), events, where)

    def _note(self, event: yaml.Event, rule: Rule, message: str, hint: str) -> None:
        self.problems.append(problem_at(self.path, self.lines, _mark(event), rule, message, hint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise RecipeError(self.problems)

    def _too_large(self, event: yaml.Event, depth: int) -> NoReturn:
        what = f"deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"over {self.max_nodes:,} values"
        self._stop(event, "size", f"this document is too large: {what}", "Data belongs into a manifest.")

    def _stop(self, event: yaml.Event, rule: Rule, message: str, hint: str) -> NoReturn:
        self._note(event, rule, message, hint)
        raise RecipeError(self.problems)


def _mark(event: yaml.Event) -> Mark:
    start = cast(Any, event).start_mark
    return Mark(start.line + 1, start.column + 1)


def _scalar(event: yaml.ScalarEvent) -> Any:
    text = str(event.value)
    if event.style:  # quoted or block text is text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text) and math.isfinite(number := float(text)):
        return number
    return text
