"""What the index keeps of makings: through replacing, removing, an old store and a lost index."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from wanflow.errors import StoreError
from wanflow.model import Blob, FileStat, Result
from wanflow.store.formats import INDEX, upgrade
from wanflow.store.history import UNKNOWN, Making, with_ledgers
from wanflow.store.index import Index
from wanflow.store.sightings import Published

FIRST, SECOND = (Blob(letter * 64, 64, 48, "PNG", 1234) for letter in "ab")
PARTS = '[1,"wan/expand","dashscope:m",{},{"image":"' + "c" * 64 + '"},null]'
MAKING = Making("r", "1/a", "run-1", datetime(2026, 11, 20, 12, tzinfo=UTC), Decimal("0.02"))
STAT = FileStat(1, 2, 3)


@pytest.fixture
def index():
    with closing(Index.memory()) as index:
        yield index


def made(index: Index, blob: Blob = FIRST) -> list[tuple[str, Making, bool]]:
    return [(one.key, one.making, one.kept) for one in index.made(blob.sha256)]


def test_a_picture_is_known_with_its_making(index: Index) -> None:
    index.remember("k", Result((FIRST, SECOND), "real"), PARTS, MAKING)
    assert made(index) == made(index, SECOND) == [("k", MAKING, True)]
    assert index.remembered("k") == index.made(FIRST.sha256)[0]


def test_the_one_made_last_comes_first(index: Index) -> None:
    later = Making("r", "1/b", "run-2", datetime(2026, 11, 21, tzinfo=UTC), Decimal(0))
    index.remember("z", Result((FIRST,), "real"), PARTS, MAKING)
    index.remember("b", Result((FIRST,), "real"), PARTS, later)
    index.remember("c", Result((FIRST,), "real"), PARTS)
    assert made(index) == [("b", later, True), ("z", MAKING, True), ("c", UNKNOWN, True)]


def test_a_result_that_is_replaced_or_forgotten_is_still_told(index: Index) -> None:
    index.remember("k", Result((FIRST,), "real"), PARTS, MAKING)
    index.remember("k", Result((SECOND,), "real"), PARTS)
    assert made(index) == [("k", MAKING, False)]
    assert made(index, SECOND) == [("k", UNKNOWN, True)]
    index.forget("k")
    assert made(index, SECOND) == [("k", UNKNOWN, False)]
    assert index.result("k") is None
    assert index.remembered("k") is not None


def test_one_that_is_kept_again_as_it_is_leaves_no_copy(index: Index) -> None:
    for _ in range(3):
        index.remember("k", Result((FIRST,), "real"), PARTS, MAKING)
    assert index._db.execute("SELECT count(*) FROM past").fetchone() == (0,)


def test_what_receipts_tell_again_does_not_forget_the_making(tmp_path: Path) -> None:
    paid = Result((FIRST,), "real", task_id="t", billed=1)
    with Index.open(tmp_path).in_use() as index:
        index._blobs.path(FIRST.sha256).parent.mkdir(parents=True)
        index._blobs.path(FIRST.sha256).touch()
        index.remember("k", paid, PARTS, MAKING)
    with Index.open(tmp_path).in_use() as index:
        assert made(index) == [("k", MAKING, True)]
    (tmp_path / "index.sqlite").unlink()
    with Index.open(tmp_path).in_use() as index:
        assert made(index) == [("k", UNKNOWN, True)]


def test_versions_are_only_ever_added_at_the_end() -> None:
    # A store has a version's number and tables from the moment any wanflow wrote it.
    assert [re.findall(r"(?:CREATE|ALTER) TABLE (\w+)", said) for said in INDEX] == [
        ["results", "jobs", "files", "outputs", "rows"],
        ["masks"],
        ["outputs"],
        ["refusals"],
        ["receipts"],
        ["urls"],
        ["measures"],
        ["makings", "past", "written", "seen"],
        ["sizes"],
        ["durations"],
    ]


def upgrading(jobs: int) -> int:
    """How many thousand steps SQLite takes to upgrade a store with so many jobs."""
    steps: list[None] = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        upgrade(old, Path(), INDEX[: MAKINGS - 1])
        keys = [f"{number:064x}" for number in range(jobs)]
        old.executemany("INSERT INTO results VALUES (?, ?, '[]')", ((key, f'[[["{key}"]]]') for key in keys))
        old.executemany("INSERT INTO jobs VALUES ('r|r.yaml|', ?, ?)", ((f"{key}/a", key) for key in keys))
        old.set_progress_handler(lambda: steps.append(None), 1000)
        upgrade(old, Path(), INDEX)
        assert old.execute("SELECT count(*) FROM makings WHERE job <> ''").fetchone() == (jobs,)
    return len(steps)


def test_a_store_ten_times_as_large_takes_about_ten_times_as_long_to_upgrade() -> None:
    assert upgrading(2_000) < 15 * upgrading(200)


# The first that knows of makings itself.
MAKINGS = next(version for version, said in enumerate(INDEX, start=1) if "CREATE TABLE makings" in said)


@pytest.mark.parametrize("version", range(1, MAKINGS))
def test_a_store_of_every_older_version_opens_and_tells_what_it_knows(tmp_path: Path, version: int) -> None:
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as old:
        old.executescript("".join(INDEX[:version]))
        old.execute(f"PRAGMA user_version = {version}")
        picture = f'["{FIRST.sha256}", 64, 48, "PNG", 1234]'
        old.execute("INSERT INTO results VALUES ('k', ?, ?)", (f'[[{picture}], "real", []]', PARTS))
        old.execute("INSERT INTO jobs VALUES ('r|r.yaml|a.csv', '1/a', 'k'), ('r|r.yaml|a.csv', '2/a', 'k')")
        old.execute("INSERT INTO files VALUES ('a.png', 1, 2, 3, ?)", (picture,))
        insert = "INSERT INTO outputs (path, size, mtime_ns, inode, sha256, recipe_of) VALUES (?, 1, 2, 3, ?, ?)"
        old.execute(insert, ("out/a.png", FIRST.sha256, "m:PNG:"))
        old.commit()
    with Index.open(tmp_path, repair=False, thorough=True).in_use() as index:
        assert index.notice == ""
        assert made(index) == [("k", Making("r", "1/a"), True)]
        assert [one.path for one in index.written(FIRST.sha256)] == ["out/a.png"]
        assert index.seen(FIRST.sha256) == ["a.png"]


def test_what_no_wanflow_wrote_in_an_old_store_keeps_it_usable(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as old:
        old.executescript("".join(INDEX[:6]))
        old.execute("PRAGMA user_version = 6")
        old.execute("INSERT INTO results VALUES ('k', 'nonsense', '[]')")
        old.commit()
    with Index.open(tmp_path, repair=False).in_use() as index:
        assert index.notice == ""
        assert made(index) == []


def test_names_of_files_stay_known_when_their_content_changes(index: Index) -> None:
    index.note_files({"a.png": (STAT, FIRST)})
    index.note_files({"a.png": (STAT, SECOND), "b.png": (STAT, FIRST)})
    assert index.seen(FIRST.sha256) == ["a.png", "b.png"]
    index.note_published("out/a.png", Published(STAT, FIRST.sha256, "m:PNG:", "r.yaml"))
    index.note_published("out/a.png", Published(STAT, SECOND.sha256, "n:PNG:", "r.yaml"))
    assert [(one.path, one.recipe_of) for one in index.written(FIRST.sha256)] == [("out/a.png", "m:PNG:")]


@pytest.mark.parametrize(
    ("column", "value"), [("at", "soon"), ("at", "2026-11-20"), ("usd", "much"), ("job", b"\xff"), ("run", b"\x00")]
)
def test_what_no_wanflow_wrote_is_told_in_words(tmp_path: Path, column: str, value: object) -> None:
    with pytest.raises(StoreError, match="cache verify --mend"), Index.open(tmp_path).in_use() as index:
        index.remember("k", Result((FIRST,), "real"), PARTS, MAKING)
        index._db.execute(f"UPDATE makings SET {column} = ?", (value,))  # noqa: S608 - of the list above
        made(index)


def test_the_ledger_tells_of_a_paid_task_what_a_lost_index_knew(tmp_path: Path, index: Index) -> None:
    from test_ledger import NOW, opened, submitted

    from wanflow.store.tasks import State

    ledger = opened(tmp_path / "accounts" / "abc")
    task = submitted(ledger, "k", NOW)
    ledger.move(task, State.DONE, NOW + 9, billed=1)
    ledger.close()
    index.remember("k", Result((FIRST,), "real", task_id=task.task_id, billed=1), PARTS)
    [known] = index.made(FIRST.sha256)
    assert known.usd is None
    told = with_ledgers(known, tmp_path / "accounts")
    assert (told.making.job, told.making.run, told.usd) == (task.job, task.run, task.usd_image)
    assert told.making.at == task.submitted
    (tmp_path / "accounts" / "abc" / "ledger.sqlite").write_text("damaged")
    assert with_ledgers(known, tmp_path / "accounts") == known
