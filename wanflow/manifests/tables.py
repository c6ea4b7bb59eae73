"""CSV, TSV, JSONL, JSON, YAML or a glob -> records, each with its line. One decorated function per format."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wanflow.canon import canonical
from wanflow.documents.kinds import finite
from wanflow.documents.source import parse, read_text
from wanflow.errors import Mark, Problem, RecipeError, describe_os_error, is_text, quoted
from wanflow.links.datauris import MAX_CHARACTERS, is_picture
from wanflow.manifests import globs
from wanflow.manifests.reach import Reach, everywhere
from wanflow.model import MAX_CELL

MAX_BYTES = 250_000_000
# What is read as a whole needs some thirty times as much memory.
MAX_WHOLE_BYTES = 20_000_000
MAX_RECORD = 4_000_000
# A cell may be a picture itself, and only such a one is longer.
MAX_LONG_RECORD = MAX_RECORD + MAX_CHARACTERS
MAX_COLUMNS = 2_000
MAX_PROBLEMS = 100_000
MAX_DIGITS = 100


@dataclass(frozen=True, slots=True)
class Record:
    """A row before it has a key: values, line, and the exact text it came from."""

    values: Mapping[str, Any]
    line: int
    text: str


@dataclass(slots=True)
class Table:
    """What a format reads: records, one by one, and the column names where the format has any; `of_files` for a glob.

    While the records are read, `problems` fills with entries that can't be rows and are left out, and `broken` with
    why reading ended before the end.
    """

    records: Iterator[Record]
    columns: tuple[str, ...] | None = None
    of_files: bool = False
    problems: list[Problem] = field(default_factory=list)
    broken: list[Problem] = field(default_factory=list)

    def is_hopeless(self, shown: str, line: int) -> bool:
        """Whether so many entries can't be rows that reading ends before this line; then it is said."""
        if len(self.problems) < MAX_PROBLEMS:
            return False
        message = f"{MAX_PROBLEMS:,} entries before this can't be rows; what follows is not read"
        self.broken.append(Problem("manifest", message, shown, Mark(line, 1)))
        return True


Reader = Callable[[Path, str], Table]
_readers: dict[str, Reader] = {}


def reads(*endings: str) -> Callable[[Reader], Reader]:
    """Register a reader for file name endings."""

    def register(reader: Reader) -> Reader:
        _readers.update(dict.fromkeys(endings, reader))
        return reader

    return register


@reads(".csv")
def _csv(path: Path, shown: str) -> Table:
    return _delimited(path, shown, ",")


@reads(".tsv", ".tab")
def _tsv(path: Path, shown: str) -> Table:
    return _delimited(path, shown, "\t")


def _delimited(path: Path, shown: str, delimiter: str) -> Table:
    csv.field_size_limit(MAX_CHARACTERS)
    text = read_text(path, shown, MAX_BYTES)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _header(reader, shown, delimiter)
    table = Table(iter(()), tuple(header))
    table.records = _cells(reader, lines, header, shown, table)
    return table


class _Lines:
    """The lines of a text for a CSV reader, which takes several for a row; `taken` are the characters of this row."""

    def __init__(self, text: str, most: float = MAX_LONG_RECORD) -> None:
        self._text, self._most, self._place, self.taken = text, most, 0, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._place == len(self._text):
            raise StopIteration
        end = self._text.find("\n", self._place) + 1 or len(self._text)
        self.taken += end - self._place
        if self.taken > self._most:
            raise csv.Error(f"a row has over {MAX_RECORD:,} characters")
        line, self._place = self._text[self._place : end], end
        return line


def _header(reader: Any, shown: str, delimiter: str) -> list[str]:
    try:
        header = next((cells for cells in reader if cells), None)
    except csv.Error as error:
        raise RecipeError([_csv_problem(error, shown, 1)]) from error
    if not header:
        raise RecipeError([Problem("manifest", "the manifest is empty", shown, hint="Its first line names columns.")])
    if len(header) > MAX_COLUMNS:
        message = f"there are {len(header):,} columns; at most {MAX_COLUMNS:,} are read"
        raise RecipeError([Problem("column", message, shown, Mark(1, 1))])
    header = [name.strip() for name in header]
    often = Counter(header)
    problems = [
        Problem("column", f"column {quoted(name)} stands here twice", shown, Mark(1, 1), hint="Rename one.")
        for name in often
        if often[name] > 1 and name
    ]
    if "" in header:
        problems.append(Problem("column", f"column {header.index('') + 1} has no name", shown, Mark(1, 1)))
    if len(header) == 1 and any(other in header[0] for other in ";\t,"):
        hint = f"Separate columns with {'a tab' if delimiter == chr(9) else 'a comma'}."
        problems.append(
            Problem("column", f"there is only one column, {quoted(header[0])}", shown, Mark(1, 1), hint=hint)
        )
    if problems:
        raise RecipeError(problems)
    return header


def _cells(reader: Any, lines: _Lines, header: list[str], shown: str, table: Table) -> Iterator[Record]:
    width = len(header)
    line = reader.line_num + 1
    while True:
        lines.taken = 0
        if table.is_hopeless(shown, line):
            return
        try:
            cells = next(reader, None)
        except csv.Error as error:
            # The reader has lost its place, so what follows can't be trusted to be rows.
            table.broken.append(_csv_problem(error, shown, line))
            return
        if cells is None:
            return
        if lines.taken > MAX_CELL and (long := _too_long(cells)):
            table.broken.append(_csv_problem(csv.Error(long), shown, line))
            return
        if len(cells) == width:
            yield Record(dict(zip(header, cells, strict=True)), line, _joined(cells))
        elif cells:
            table.problems.append(_ragged(cells, width, shown, line, header))
        line = reader.line_num + 1


def _too_long(cells: Iterable[str]) -> str:
    """What is too long among the cells of a row, as the CSV reader says it."""
    texts = [cell for cell in cells if not is_picture(cell)]
    if any(len(text) > MAX_CELL for text in texts):
        return "field larger"
    return f"a row has over {MAX_RECORD:,} characters" if sum(map(len, texts)) > MAX_RECORD else ""


def _joined(cells: list[str]) -> str:
    """One text for a row; different rows have different texts."""
    text = "\x1f".join(cells)
    return text if text.count("\x1f") == len(cells) - 1 else canonical(cells)


def _ragged(cells: list[str], width: int, shown: str, line: int, header: list[str]) -> Problem:
    if len(cells) > width:
        hint = "A cell that holds a comma needs quotes."
    else:
        hint = f"Missing: {', '.join(header[len(cells) :])}."
    count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    return Problem("cells", f"{count}, but the header has {width}", shown, Mark(line, 1), hint=hint)


def _csv_problem(error: csv.Error, shown: str, line: int) -> Problem:
    said = str(error)
    if "field larger" in said:
        said, hint = (
            f"a cell has over {MAX_CELL:,} characters",
            "A quote may be missing that should end a cell.",
        )
    elif "unexpected end" in said:
        said, hint = "a quoted cell never ends", 'End it with a quote; inside, write "" for one.'
    else:
        hint = 'Inside a quoted cell, write "" for one quote.'
    return Problem("cells", said, shown, Mark(line, 1), hint=hint)


@reads(".jsonl", ".ndjson")
def _jsonl(path: Path, shown: str) -> Table:
    table = Table(iter(()))
    table.records = _json_lines(read_text(path, shown, MAX_BYTES), shown, table)
    return table


def _json_lines(text: str, shown: str, table: Table) -> Iterator[Record]:
    for number, line in enumerate(_Lines(text, math.inf), 1):
        if table.is_hopeless(shown, number):
            return
        if line.strip():
            try:
                if len(line) > MAX_LONG_RECORD:
                    raise ValueError(f"it has over {MAX_LONG_RECORD:,} characters")
                yield _record(read_json(line), number, line.strip())
            except (ValueError, RecursionError) as error:
                column, hint = (error.colno, _ONE_A_LINE) if isinstance(error, json.JSONDecodeError) else (1, "")
                message = f"this line can't be read as a JSON object: {_said(error)}"
                table.problems.append(Problem("json", message, shown, Mark(number, column), hint=hint))


_ONE_A_LINE = 'One map a line, names and texts in double quotes: {"id": "0001", …}.'
_LONGER = "A longer list of rows is written as .jsonl, one row a line."


@reads(".json")
def _json_file(path: Path, shown: str) -> Table:
    text = read_text(path, shown, MAX_WHOLE_BYTES, _LONGER)
    try:
        entries = read_json(text)
    except json.JSONDecodeError as error:
        place = Mark(error.lineno, error.colno)
        raise RecipeError([Problem("json", f"not valid JSON: {error.msg}", shown, place)]) from error
    except (ValueError, RecursionError) as error:
        raise RecipeError([Problem("json", f"not valid JSON: {_said(error)}", shown)]) from error
    # JSON has no line numbers once parsed; the entry's number stands in, which is what a person counts.
    return _entries(entries, shown, lambda index: index + 1)


@reads(".yaml", ".yml")
def _yaml(path: Path, shown: str) -> Table:
    document = parse(read_text(path, shown, MAX_WHOLE_BYTES, _LONGER), shown, max_nodes=500_000)
    return _entries(document.data, shown, lambda index: document.mark((index,)).line)


def _entries(entries: Any, shown: str, line_of: Callable[[int], int]) -> Table:
    if not isinstance(entries, list):
        raise RecipeError([Problem("manifest", "the manifest must be a list of maps, one a row", shown, Mark(1, 1))])
    table = Table(iter(()))
    table.records = _mapped(entries, shown, line_of, table)
    return table


def _mapped(entries: list[Any], shown: str, line_of: Callable[[int], int], table: Table) -> Iterator[Record]:
    for index, entry in enumerate(entries):
        if table.is_hopeless(shown, line_of(index)):
            return
        try:
            yield _record(entry, line_of(index))
        except (ValueError, RecursionError) as error:
            table.problems.append(
                Problem("manifest", f"entry {index + 1}: {_said(error)}", shown, Mark(line_of(index), 1))
            )


def read_json(text: str) -> Any:
    """JSON without NaN, infinity and names that stand twice. Raises ValueError, RecursionError."""
    return json.loads(
        text, parse_constant=_refuse_constant, parse_float=finite, parse_int=_short, object_pairs_hook=_unique
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _short(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has over {MAX_DIGITS} digits")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        often = Counter(name for name, _ in pairs)
        raise ValueError(f"{often.most_common(1)[0][0][:60]} stands twice in one object")
    return entry


def _record(entry: Any, line: int, text: str | None = None) -> Record:
    if not isinstance(entry, dict):
        raise ValueError("a row must be a map (name: value)")
    text = canonical(entry) if text is None or "\\u" in text else text
    pictures = sum(len(value) for value in entry.values() if isinstance(value, str) and is_picture(value))
    if len(text) - pictures > MAX_CELL:
        raise ValueError(f"a row may have {MAX_CELL:,} characters, this one has {len(text):,}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a text holds half a character (a lone surrogate)") from error
    return Record(entry, line, text)


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def glob(pattern: str, folder: Path, shown: str, reach: Reach) -> Table:
    """Files by pattern, sorted by name: a row each with path, name, stem, ext and folder."""
    head = Path(pattern)
    if head.is_absolute():
        base, pattern = Path(head.anchor), str(head.relative_to(head.anchor))
    else:
        base = folder
    try:
        found = sorted(globs.find(base, pattern, reach.has))
    except (OSError, ValueError) as error:
        said = describe_os_error(error) if isinstance(error, OSError) else str(error)
        raise RecipeError([Problem("manifest", f"{pattern} can't be searched: {said}", shown)]) from error
    if head.is_absolute():
        found = [str(base / name) for name in found]
    if strange := [name for name in found if not is_text(name)]:
        message = f"the file name {quoted(strange[0])} is not valid UTF-8 text"
        raise RecipeError([Problem("manifest", message, shown, hint="Rename the file.")])
    records = (_file_record(name, number) for number, name in enumerate(found, 1))
    return Table(records, ("path", "name", "stem", "ext", "folder"), of_files=True)


def _file_record(name: str, number: int) -> Record:
    path = Path(name)
    values = {
        "path": path.as_posix(),
        "name": path.name,
        "stem": path.stem,
        "ext": path.suffix.lstrip("."),
        "folder": path.parent.as_posix(),
    }
    return Record(values, number, name)


def fixed_part(source: str) -> str:
    """A file's name whole, of a glob the folder below which it searches, with a slash."""
    if not is_glob(source):
        return source
    start = re.split(r"[*?\[]", source, maxsplit=1)[0]
    return start[: max(start.rfind("/"), start.rfind(os.sep)) + 1] or "./"


def is_glob(source: str) -> bool:
    """True for scans/*.jpg, false for a file's name."""
    return any(char in source for char in "*?[")


def read_table(source: str, folder: Path, shown: str, reach: Reach | None = None) -> Table:
    """The records of a manifest source; a glob finds what is within reach. Raises RecipeError."""
    if is_glob(source):
        return glob(source, folder, shown, reach or everywhere())
    ending = Path(source).suffix.lower()
    if not (reader := _readers.get(ending)):
        known = ", ".join(sorted(_readers))
        message = f"a manifest can't be {ending or 'without an ending'}"
        raise RecipeError([Problem("manifest", message, shown, hint=f"Known endings: {known}, or a glob.")])
    return reader(folder / source, shown)
