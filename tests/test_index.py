import json
import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from wanflow.errors import StoreError
from wanflow.model import Blob, FileStat, Result
from wanflow.store.formats import INDEX, upgrade
from wanflow.store.index import Index
from wanflow.store.sightings import Published, RowRecord

BLOB = Blob("ab" * 32, 64, 48, "PNG", 1234)
RESULT = Result((BLOB,), "real", ("a warning",))
STAT = FileStat(10, 1_700_000_000_123_456_789, 42)


@pytest.fixture
def index():
    with closing(Index.memory()) as index:
        yield index


def test_result_comes_back_as_it_was(index: Index) -> None:
    index.remember("k", RESULT, '[1,"local/fit","local:1",{},{}]')
    assert (index.result("k"), index.components("k")) == (RESULT, [1, "local/fit", "local:1", {}, {}])


def test_a_paid_result_keeps_its_task_price_and_prompts(index: Index) -> None:
    paid = Result((BLOB,), "real", task_id="0385dc79", billed=2, prompts=("a red house", "a house"))
    index.remember("k", paid, "[]")
    assert index.result("k") == paid


def test_a_result_from_before_paid_tasks_is_read(index: Index) -> None:
    index.remember("k", RESULT, "[]")
    (made,) = index._db.execute("SELECT made FROM results").fetchone()
    assert json.loads(made) == [[["ab" * 32, 64, 48, "PNG", 1234]], "real", ["a warning"]]
    assert index.result("k") == RESULT


def test_unknown_entries_are_misses_not_errors(index: Index) -> None:
    assert index.result("k") is None
    assert index.components("k") is None
    assert index.last_key("r", "1/a") is None
    assert index.file("a.png") is None
    assert index.published("a.png") is None
    assert index.rows("r") == {}
    index.forget("k")


def test_forgotten_result_is_a_miss(index: Index) -> None:
    index.remember("k", RESULT, "[]")
    index.forget("k")
    assert index.result("k") is None


def test_last_key_is_the_latest_one_of_its_recipe(index: Index) -> None:
    assert not index.knows_recipe("r")
    index.note_jobs("r", [("1/a", "old"), ("1/a", "new")])
    index.note_jobs("other", [("1/a", "else")])
    assert index.knows_recipe("r")
    assert index.last_key("r", "1/a") == "new"


def test_files_and_outputs_keep_nanoseconds(index: Index) -> None:
    index.note_files({"a.png": (STAT, BLOB)})
    index.note_published("out/a.png", Published(STAT, "cd" * 32, "made"))
    assert index.file("a.png") == (STAT, BLOB)
    assert index.published("out/a.png") == Published(STAT, "cd" * 32, "made")


def test_rows_belong_to_their_recipe(index: Index) -> None:
    record = RowRecord(b"\x00\xff", "rrs", "a\t1\t2\t3\n\nb\t1\t2\t3")
    index.note_rows("r", {"0001": record})
    assert index.rows("r") == {"0001": record}
    assert index.rows("other") == {}


def test_failed_transaction_leaves_nothing(index: Index) -> None:
    with pytest.raises(KeyError), index.transaction():
        index.remember("k", RESULT, "[]")
        raise KeyError
    assert index.result("k") is None
    with index.transaction():
        index.remember("k", RESULT, "[]")
    assert index.result("k") == RESULT


def test_what_one_process_wrote_another_reads(tmp_path: Path) -> None:
    with closing(Index.open(tmp_path / ".wanflow")) as one, closing(Index.open(tmp_path / ".wanflow")) as other:
        with one.transaction():
            one.remember("k", RESULT, "[]")
        assert other.result("k") == RESULT


def test_full_disk_is_said_once_and_not_as_a_failed_rollback(tmp_path: Path) -> None:
    with closing(Index.open(tmp_path / ".wanflow")) as index:
        index._db.execute("PRAGMA max_page_count = 8")
        with pytest.raises(StoreError) as caught, index.transaction():
            index.remember("k", RESULT, "x" * 100_000)
        assert str(caught.value) == (
            f"{tmp_path}/.wanflow has no room left (database or disk is full); make room there"
        )
        assert index.result("k") is None


def _open(folder: Path, barrier, told) -> None:
    barrier.wait()
    with closing(Index.open(folder)) as index:
        told.put(index.notice or "fine")


def test_many_first_runs_at_once_all_get_the_index(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    barrier, told = context.Barrier(6), context.Queue()
    several = [context.Process(target=_open, args=(tmp_path / ".wanflow", barrier, told)) for _ in range(6)]
    for process in several:
        process.start()
    assert [told.get(timeout=30) for _ in several] == ["fine"] * 6
    for process in several:
        process.join()


def test_garbage_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"garbage" * 1000)
    with closing(Index.open(tmp_path)) as index:
        assert "was damaged and is kept as index.sqlite.damaged" in index.notice
        assert index.rows("r") == {}
    assert (tmp_path / "index.sqlite.damaged").read_bytes() == b"garbage" * 1000


def test_folder_in_place_of_the_index_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").mkdir()
    with pytest.raises(StoreError, match=r"index\.sqlite can't be read"):
        Index.open(tmp_path)


def test_damage_found_late_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="wanflow cache verify --mend puts it aside"), Index.open(tmp_path).in_use():
        raise sqlite3.DatabaseError("database disk image is malformed")


def test_an_index_that_another_holds_is_not_told_as_damaged(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    index._db.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another wanflow holds it; try again"), index.in_use():
            index.forget("k")


def test_an_index_of_format_nine_is_taken_on_with_its_sizes(tmp_path):
    def tables():
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master")}

    db = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    for statements in INDEX[:9]:
        db.executescript(statements)
    db.execute("PRAGMA user_version = 9")
    assert "sizes" in tables() and "durations" not in tables()
    upgrade(db, tmp_path, INDEX)
    assert {"sizes", "durations"} <= tables()
    db.close()
