"""What a project and an account keep, spoilt: receipts, and what stands in the columns of the index and the ledger."""

from __future__ import annotations

import atexit
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import mutations

from wanflow import cache as upkeep
from wanflow.functions.maskrules import MaskFacts
from wanflow.language.expand import key_head, key_parts
from wanflow.model import Blob, Call, FileStat, Limits, Result
from wanflow.paying import status
from wanflow.planning import reasons
from wanflow.planning.ancestry import trace
from wanflow.store.books import FILE as LEDGER
from wanflow.store.history import Making
from wanflow.store.index import Index
from wanflow.store.ledger import Ledger
from wanflow.store.receipts import FILE, Receipts
from wanflow.store.sightings import Published
from wanflow.store.tasks import Order, Owner, State, Task
from wanflow.telling import console

PARTS = key_parts(key_head("wan/expand", "dashscope:m"), '{"prompt":"x"}', {"image": "ab" * 32})
BLOB = Blob("ab" * 32, 64, 48, "PNG", 1234)
MADE = [[["ab" * 32, 64, 48, "PNG", 1234]], "real", ["a warning"], ["task-1", 1, ["a prompt"]]]
RECEIPT = ["key", MADE, PARTS]
# What may be spoilt in a database: table, column, and what stood there.
INDEX = (("results", "made", MADE), ("results", "components", json.loads(PARTS)), ("files", "blob", MADE[0][0]),
         ("masks", "facts", [4, 2, 0, False]), ("refusals", "message", "no"), ("jobs", "job", "1/a"),
         ("makings", "at", "2026-11-20T12:00:00.000+00:00"), ("makings", "usd", "0.02"), ("makings", "job", "1/a"),
         ("written", "recipe_of", "ab" * 32 + ":PNG:"), ("seen", "path", "a.png"))  # fmt: skip
CALL = ["wan/expand", "m", {"n": 1, "prompt": "x"}, {"image": "ab" * 32}]
TASKS = (("call", CALL), ("state", "done"), ("usd_image", "0.02"), ("at", 1.7e9), ("sent_at", 1.7e9), ("images", 1),
         ("billed", 1), ("task_id", "t"), ("job", "1/a"), ("offset_s", 0.5), ("lane", "l"), ("owner", "o"))  # fmt: skip
FOLDER = Path(tempfile.mkdtemp(prefix="wanflow-fuzz-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def cases(random: Random) -> Iterator[tuple[str, str, bytes | str | float | None]]:
    """What is spoilt (a table, or receipts), in which column, and what stands there instead."""
    while True:
        way = random.random()
        if way < 0.4:
            yield "receipts", "", _text(random, RECEIPT).encode("utf-8", "surrogatepass") + b"\n"
            continue
        table, column, whole = random.choice(INDEX) if way < 0.7 else ("tasks", *random.choice(TASKS))
        yield table, column, _value(random, whole)


def _text(random: Random, whole: Any) -> str:
    if random.random() < 0.6:
        return mutations.dumped(random, mutations.tree(random, whole))
    return mutations.text(random, json.dumps(whole), ("[", "]", "{", "}", ",", '"', "null", "1e999", "\\ud800"))


def _value(random: Random, whole: Any) -> bytes | str | float | None:
    if random.random() < 0.8 and not isinstance(whole, int | float):
        text = _text(random, whole) if isinstance(whole, list) else mutations.text(random, whole)
        return text.encode("utf-8", "replace").decode()
    return random.choice((None, "", "x", "1e5", b"\xff", -1, 0, 1e300, -1e300, float("inf"), 2**62, "\x1b[2J"))


def probe(case: tuple[str, str, bytes | str | float | None]) -> None:
    """Raises StoreError."""
    table, column, value = case
    if table == "tasks":
        _ledger(column, value)
    else:
        _index(table, column, value)


def _index(table: str, column: str, value: Any) -> None:
    store = FOLDER / ".wanflow"
    _begin(store, _store(paid=table != "receipts"))
    if table == "receipts":
        (store / "index.sqlite").unlink()
        (store / FILE).write_bytes(value)
        with Index.open(store).in_use() as index:
            assert len([*index.results()]) <= len([*Receipts(store).read()])
        return
    try:
        with closing(sqlite3.connect(store / "index.sqlite")) as db:
            db.execute(f"UPDATE {table} SET {column} = ?", (value,))  # noqa: S608 - names of ours
            db.commit()
    except sqlite3.IntegrityError:
        return
    upkeep.verify(FOLDER, mend=True)
    with Index.open(store).in_use() as index:
        index.result("key")
        index.file("a.png")
        index.mask("ab" * 32)
        index.refusal("other")
        for digest in (BLOB.sha256, "cd" * 32):
            ancestry = trace(index, FOLDER, digest)
            ancestry.short(1_000)
            [*index.written(digest), *index.seen(digest), ancestry.digest()]
        if parts := index.components("key"):
            reasons.compare(parts, PARTS)
    upkeep.stats(FOLDER)


def _begin(place: Path, whole: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place)


@cache
def _store(*, paid: bool) -> Path:
    store = FOLDER / f"whole-{paid}"
    with Index.open(store).in_use() as index:
        result = Result((BLOB,), "real", ("a warning",), "task-1" if paid else None, int(paid))
        index.remember("key", result, PARTS, Making("r", "1/a", "run-1", NOW, Decimal("0.02")))
        index.note_published("out/a.png", Published(FileStat(1, 2, 3), "cd" * 32, f"{BLOB.sha256}:PNG:", "r.yaml"))
        index.note_files({"a.png": (FileStat(1, 2, 3), BLOB)})
        index.note_masks({"ab" * 32: MaskFacts(4, 2, 0)})
        index.note_refusal("other", "DataInspectionFailed", "no")
        index.note_jobs("r", [("1/a", "key")])
    return store


@cache
def _accounts() -> Path:
    accounts = FOLDER / "whole-accounts"
    with closing(Ledger.open(accounts / "a", Owner("o", 1, "/p", "r"), "an account", 0.0)) as ledger:
        call = Call("key", "wan/expand", {"n": 1}, {"image": ("", "ab" * 32)}, model="m")
        task = ledger.claim(Order(call, "l", Limits(2, 2, 1), None, PARTS, "r", "1/a"), 1.7e9)
        assert isinstance(task, Task)
        ledger.move(task, State.DONE, 1.7e9, billed=1, task_id="t")
    return accounts


def _ledger(column: str, value: Any) -> None:
    accounts = FOLDER / "accounts"
    _begin(accounts, _accounts())
    try:
        with closing(sqlite3.connect(accounts / "a" / LEDGER)) as db:
            db.execute(f"UPDATE tasks SET {column} = ?", (value,))  # noqa: S608 - names of ours
            db.commit()
    except sqlite3.IntegrityError:
        return
    found = status.look(FOLDER, accounts, NOW)
    assert console.status_text(replace(found, runs=()), billing=True).replace("\n", "").isprintable()
    json.loads(found.json())
