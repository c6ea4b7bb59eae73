"""Records -> rows with stable keys and typed columns.

Text stays text (007 is "007") unless `types:` says otherwise. Every row remembers its line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wanflow.canon import canonical
from wanflow.documents.kinds import TYPE_WORDS, typed
from wanflow.errors import Mark, Problem, quoted
from wanflow.manifests.tables import Record, Table
from wanflow.model import Row

MAX_KEY_BYTES = 120
_RESERVED = frozenset(
    [
        "con",
        "prn",
        "aux",
        "nul",
        "run",
        *(f"com{n}" for n in range(1, 10)),
        *(f"lpt{n}" for n in range(1, 10)),
    ]
)
_UNSAFE = re.compile(r'[/\\:*?"<>|@#,\x00-\x1f\x7f]')


def key_problem(key: Any) -> str:
    """Why a value can't be a row key, or empty text."""
    if key is None or key == "" or (isinstance(key, str) and not key.strip()):
        return "the key is empty"
    if not isinstance(key, str):
        return f"a key must be text or a whole number, got {canonical(key)[:60]}"
    if match := _UNSAFE.search(key):
        return f"key {quoted(key)} holds {quoted(match.group())}, which is not safe in a file name"
    if key.startswith((".", "+", "-", " ")) or key.endswith((".", "+", " ")):
        return f"key {quoted(key)} may not begin or end like this (dot, plus, space; or begin with -)"
    if key.casefold() in _RESERVED or key.partition(".")[0].casefold() in _RESERVED - {"run"}:
        return f"key {quoted(key)} is a reserved name"
    if len(key.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        return f"the key has over {MAX_KEY_BYTES} bytes"
    try:
        key.encode("utf-8")
    except UnicodeEncodeError:
        return f"key {quoted(key)} is not valid text"
    return ""


class Manifest:
    """An opened manifest: its columns, the folder that paths in it start from, and rows, read as they are asked for.

    `problems` fills while rows are read, with entries that are left out: cells that don't fit the header, keys that
    are missing, unsafe or stand twice. `broken` tells why reading ended early. What is wrong with a row that has a
    key comes with that row.
    """

    def __init__(self, table: Table, folder: Path, shown: str, key: str, types: Mapping[str, str]) -> None:
        self._table, self._key, self._types = table, key, types
        self.folder, self.shown, self.of_files = folder, shown, table.of_files
        self.columns = table.columns
        self.problems, self.broken = table.problems, table.broken
        self.row_checker: Callable[[Mapping[str, Any]], Iterator[str]] = lambda values: iter(())
        self.count = 0

    def rows(self) -> Iterator[tuple[Row, list[Problem]]]:
        """Rows in order, each with its own problems; an empty cell of a typed column is null."""
        seen: dict[str, str] = {}
        for record in self._table.records:
            self.count += 1
            key = self._key_of(record, seen)
            if key is not None:
                yield self._row(record, key)

    def _key_of(self, record: Record, seen: dict[str, str]) -> str | None:
        raw = record.values.get(self._key, "")
        whole = isinstance(raw, int) and not isinstance(raw, bool)
        key = str(raw) if whole else unicodedata.normalize("NFC", raw) if isinstance(raw, str) else raw
        complaint, first = key_problem(key), None
        if not complaint and (first := seen.get(key)):
            complaint = f"key {key} stands here again; first {'for' if self.of_files else 'in line'} {first}"
        if not complaint:
            seen[key] = record.text if self.of_files else str(record.line)
            return str(key)
        if self.of_files:
            self.problems.append(Problem("row-key", complaint, record.text, hint=self._key_of_files(record, first)))
        else:
            hint = f"Keys come from column {self._key}; another can be named with key:."
            hint = "Every row needs a key of its own." if first else hint
            self.problems.append(Problem("row-key", complaint, self.shown, Mark(record.line, 1), hint=hint))
        return None

    def _key_of_files(self, record: Record, first: str | None) -> str:
        """How files can get keys when the one of a file won't do."""
        if self._key not in ("stem", "name"):
            return "Write manifest: {from: …, key: stem} for names without their ending, or key: name for whole names."
        if first and self._key == "stem" and Path(first).name != record.values["name"]:
            return "Write manifest: {from: …, key: name}; then keys are whole file names, with their ending."
        return "Rename the file, or list the files in a CSV with a column of keys, and write from: that.csv."

    def _row(self, record: Record, key: str) -> tuple[Row, list[Problem]]:
        values, problems = dict(record.values), []
        for column, kind in self._types.items():
            try:
                if column in values and values[column] is not None:
                    empty = values[column] == "" and kind != "string"
                    values[column] = None if empty else typed(values[column], kind)
            except ValueError:
                message = f"{column} must be {TYPE_WORDS[kind]}, got {canonical(values[column])[:60]}"
                problems.append(Problem("type", message, self.shown, Mark(record.line, 1)))
        if not problems:
            mark = Mark(record.line, 1)
            problems += [Problem("row-schema", message, self.shown, mark) for message in self._faults(values)]
        place = record.text if self.of_files else f"{self.shown}:{record.line}"
        return Row(key, values, record.line, record.text, place), problems

    def _faults(self, values: Mapping[str, Any]) -> list[str]:
        try:
            return list(self.row_checker(values))
        except RecursionError:
            return ["the row's schema refers to itself without end"]
