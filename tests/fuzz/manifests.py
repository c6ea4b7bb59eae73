"""Manifests of every format, and row schemas, spoilt; every row is read, and every problem drawn."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import mutations

from wanflow.errors import RecipeError
from wanflow.manifests.rows import Manifest
from wanflow.manifests.tables import read_table

ROWS = [{"id": f"{n:04}", "photo": f"photos/{n}.jpg", "year": str(1900 + n), "tags": ["a", n], "more": {"x": n / 2}} for n in range(4)]  # fmt: skip
CSV = 'id,photo,year,words\n0001,photos/1.jpg,1901,"blue, green"\n0002,photos/2.jpg,,\n0003,photos/3.jpg,1903,"a\nb"\n'
SEEDS = {
    "m.csv": CSV,
    "m.tsv": CSV.replace(",", "\t"),
    "m.jsonl": "\n".join(json.dumps(row) for row in ROWS),
    "m.json": json.dumps(ROWS),
    "m.yaml": "\n".join(f"- {json.dumps(row)}" for row in ROWS),
}
TYPES = ({}, {"year": "integer"}, {"year": "number", "id": "string"}, {"words": "boolean"})
FOLDER = Path(tempfile.mkdtemp(prefix="wanflow-fuzz-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def cases(random: Random) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """A file's name, its bytes, and types of columns."""
    while True:
        name, whole = random.choice(list(SEEDS.items()))
        if name.startswith("m.json") and random.random() < 0.4:
            rows = mutations.tree(random, ROWS)
            lines = rows if isinstance(rows, list) else [rows]
            whole = "\n".join(map(json.dumps, lines)) if name == "m.jsonl" else json.dumps(rows)
        else:
            whole = mutations.text(random, whole, (",", '"', '""', "\n", "id", "year", '{"a":1}', "[", "]", ":"))
        raw = whole.encode("utf-8", "surrogatepass")
        yield name, mutations.raw(random, raw) if random.random() < 0.15 else raw, random.choice(TYPES)


def probe(case: tuple[str, bytes, dict[str, str]]) -> None:
    """Raises RecipeError."""
    name, raw, types = case
    (FOLDER / name).write_bytes(raw)
    manifest = Manifest(read_table(name, FOLDER, name), FOLDER, name, "id", types)
    found: list[Any] = [problem for row, problems in manifest.rows() for problem in problems]
    found += [*manifest.problems, *manifest.broken]
    json.dumps([problem.json() for problem in found])
    if found:
        raise RecipeError(found)
