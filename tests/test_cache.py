"""verify, gc and stats of a project's store."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import PRICE, Fakery, picture
from projects import WANFLOW, Heard, Small, as_ordinary_user, coded, permissions, photo, small_project

from wanflow import api, cache
from wanflow.errors import StoreError, UsageError
from wanflow.model import Call, Limits, Status
from wanflow.settings import state_folder
from wanflow.store import locks
from wanflow.store.blobs import Blobs
from wanflow.store.books import FILE as LEDGER
from wanflow.store.index import Index
from wanflow.store.ledger import Ledger
from wanflow.store.receipts import FILE
from wanflow.store.tasks import Order, Owner, Task
from wanflow.telling.cachetext import megabytes, seconds, stats_text, verified_text

PAID = """\
wanflow: 1
name: paid
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, with: {prompt: blue}}
"""
YEAR_AGO = time.time() - 365 * 86_400


@pytest.fixture
def project(tmp_path: Path) -> Small:
    made = small_project(tmp_path / "p")
    made.run()
    return made


@pytest.fixture
def paid(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(picture("a"))
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n")
    (tmp_path / "r.yaml").write_text(PAID)
    (tmp_path / ".wanflow").mkdir()
    run(tmp_path)
    return tmp_path


def run(folder: Path) -> dict[Status, int]:
    _, record = api.run(folder / "r.yaml", Fakery().paid(), listener=Heard())
    assert record
    return record.counts()


def objects(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / ".wanflow/objects").rglob("*") if path.is_file())


def age(folder: Path) -> None:
    """As if all had been stored a year ago."""
    for path in objects(folder):
        os.utime(path, (YEAR_AGO, YEAR_AGO))


# -- verify


def test_a_whole_store_is_whole(project: Small) -> None:
    found = cache.verify(project.folder)
    assert (found.pictures, found.faults) == (2, [])
    assert found.size_bytes == sum(path.stat().st_size for path in objects(project.folder))


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_bad_picture_is_named_with_its_job_and_what_happens(project: Small, fault: str) -> None:
    (project.folder / "wanflow.toml").touch()
    shutil.rmtree(project.folder / "out")
    bad = objects(project.folder)[0]
    bad.unlink() if fault == "missing" else bad.write_bytes(b"rotten")
    done = project.command("cache", "verify")
    assert done.returncode == 1
    assert f"{bad.name[:12]} is {fault}, the picture of small: " in done.stdout
    assert "(local/fit)\n    the next run that needs it makes it again\n" in done.stdout
    assert done.stdout.endswith(": 1 damaged or missing\n")
    record = project.run()
    assert record.counts()[Status.DONE] == 1
    assert cache.verify(project.folder).faults == []


def test_the_same_as_json(project: Small) -> None:
    objects(project.folder)[0].unlink()
    done = project.command("cache", "verify", "--format", "json")
    (fault,) = json.loads(done.stdout)["faults"]
    assert (done.returncode, fault["fault"], fault["billed"]) == (1, "missing", 0)


def test_an_output_file_gives_a_picture_back(project: Small) -> None:
    bad = objects(project.folder)[0]
    whole = bad.read_bytes()
    bad.write_bytes(b"rotten")
    assert "is equal; --mend takes it from there" in verified_text(cache.verify(project.folder))
    found = cache.verify(project.folder, mend=True)
    assert (list(found.mended), found.faults) == ([bad.name], [])
    assert bad.read_bytes() == whole


def test_what_was_paid_for_says_what_it_may_cost(paid: Path) -> None:
    objects(paid)[0].unlink()
    (fault,) = cache.verify(paid).faults
    assert (fault.billed, fault.function) == (1, "wan/colorization")
    assert "after that it is paid again" in fault.remedy


def test_a_damaged_picture_that_no_result_needs_is_told(project: Small) -> None:
    stray = Blobs(project.store).path("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"whatever")
    (fault,) = cache.verify(project.folder).faults
    assert (fault.fault, fault.remedy) == ("damaged", "no result needs it; wanflow cache gc removes it")


# -- gc


def rename_what_is_made(project: Small) -> None:
    text = project.recipe.read_text().replace("max_side: 48", "max_side: 32")
    project.recipe.write_text(text)
    project.run()


def test_only_what_no_job_names_any_more_is_removed(project: Small) -> None:
    rename_what_is_made(project)
    age(project.folder)
    assert len(objects(project.folder)) == 4
    found = cache.gc(project.folder)
    assert ([item.kind for item in found.items], found.results) == (["picture"] * 2, 2)
    assert len(objects(project.folder)) == 2
    assert project.plan().nothing_to_do
    assert cache.verify(project.folder).faults == []
    shutil.rmtree(project.folder / "out")
    assert project.run().counts()[Status.DONE] == 0


def test_what_is_young_stays(project: Small) -> None:
    rename_what_is_made(project)
    assert cache.gc(project.folder).items == []
    assert len(cache.gc(project.folder, older_than_s=-1).items) == 2


def test_a_picture_that_another_result_needs_stays(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p", {"1.png": photo(1, 40, 30)})
    project.run()
    rename = project.recipe.read_text()
    project.recipe.write_text(rename.replace("max_side: 48", "max_side: 47"))
    project.run()  # another key, the same picture
    age(project.folder)
    found = cache.gc(project.folder)
    assert (found.results, found.items, len(objects(project.folder))) == (1, [], 1)


def test_a_dry_run_lists_and_removes_nothing(project: Small) -> None:
    rename_what_is_made(project)
    age(project.folder)
    done = project.command("cache", "gc", "--dry-run")
    assert done.stdout.count("  picture ") == 2
    assert "2 pictures, " in done.stdout
    assert done.stdout.endswith(" would be removed\n")
    assert len(objects(project.folder)) == 4


def test_what_was_paid_for_stays_unless_that_is_said(paid: Path) -> None:
    (paid / "r.yaml").write_text(PAID.replace("blue", "red"))
    run(paid)
    age(paid)
    found = cache.gc(paid)
    assert (found.items, found.kept_paid, len(objects(paid))) == ([], 1, 2)
    assert cache.gc(paid, paid=True).results == 1
    assert len(objects(paid)) == 1
    assert cache.verify(paid).faults == []


def test_paid_pictures_stay_when_the_index_is_gone(paid: Path) -> None:
    for file in (paid / ".wanflow").glob("index.sqlite*"):
        file.unlink()
    age(paid)
    assert cache.gc(paid).items == []
    assert len(objects(paid)) == 1
    assert run(paid)[Status.REUSED] == 1


def test_what_died_runs_left_is_removed_after_a_day_and_what_was_kept_never(project: Small) -> None:
    left = [project.store / "objects/.wanflow-1.part", project.folder / "out/.wanflow-2.part"]
    young, kept = project.store / "objects/.wanflow-3.part", project.store / "kept/run/out/1.png"
    kept.parent.mkdir(parents=True)
    for path in (*left, young, kept):
        path.write_bytes(b"half")
        os.utime(path, (YEAR_AGO, YEAR_AGO))
    os.utime(young)
    (project.store / "locks").mkdir(exist_ok=True)
    (project.store / "locks" / ("a" * 64)).touch()
    found = cache.gc(project.folder)
    assert sorted(item.kind for item in found.items) == ["lock", "part", "part"]
    assert [path.exists() for path in (*left, young, kept)] == [False, False, True, True]
    assert list((project.store / "locks").iterdir()) == []


HOLD = (
    "import sys, time; from pathlib import Path; from wanflow.store import locks\n"
    "with locks.shared(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


def test_nothing_is_removed_while_a_run_is_in_progress_and_all_once_it_was_killed(project: Small) -> None:
    rename_what_is_made(project)
    age(project.folder)
    lock = project.store / locks.IN_USE
    with subprocess.Popen([sys.executable, "-c", HOLD, lock], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="a run of this project is in progress; nothing was changed"):
            cache.gc(project.folder)
        assert len(cache.gc(project.folder, dry_run=True).items) == 2
        other.kill()
    assert len(cache.gc(project.folder).items) == 2


def test_a_run_that_begins_meanwhile_waits(project: Small) -> None:
    (project.folder / "photos/1.png").write_bytes(photo(7))
    with locks.alone(project.store / locks.IN_USE) as free:
        assert free
        started = subprocess.Popen([*WANFLOW, "run", "r.yaml"], cwd=project.folder, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            started.communicate(timeout=1.5)
    out, _ = started.communicate(timeout=60)
    assert (started.returncode, "1 done" in out) == (0, True)


def test_runs_hold_the_store_together(project: Small) -> None:
    with locks.shared(project.store / locks.IN_USE):
        assert project.run().exit_code == 0


def test_a_kill_between_forgetting_and_removing_leaves_nothing_dangling(project: Small) -> None:
    rename_what_is_made(project)
    age(project.folder)
    program = "import os, sys; from pathlib import Path; from wanflow import cache; from wanflow.store import upkeep\n"
    program += "upkeep._remove = lambda item: os._exit(9)\ncache.gc(Path(sys.argv[1]))"
    assert subprocess.run([sys.executable, "-c", program, project.folder], timeout=60).returncode == 9
    assert cache.verify(project.folder).faults == []
    assert len(objects(project.folder)) == 4
    assert len(cache.gc(project.folder).items) == 2


# -- stats


def test_what_is_stored_is_counted_with_what_it_cost(paid: Path) -> None:
    found = cache.stats(paid)
    share = found.shares["paid", "draft"]
    assert (share.pictures, share.billed, share.usd, share.unpriced) == (1, 1, PRICE, 0)
    assert share.size_bytes == objects(paid)[0].stat().st_size
    assert "  paid      draft               1" in stats_text(found)
    assert stats_text(found).endswith("$0.0201 for 1 image")


def test_a_price_that_no_ledger_tells_is_said(paid: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    assert "of 1 the price is not known" in stats_text(cache.stats(paid))


def test_a_picture_of_two_recipes_counts_once_in_all(project: Small) -> None:
    (project.folder / "s.yaml").write_text(
        project.recipe.read_text().replace("name: small", "name: other").replace("out/", "o/")
    )
    api.run(project.folder / "s.yaml", listener=Heard())
    found = cache.stats(project.folder)
    assert {name: share.pictures for name, share in found.shares.items()} == {
        ("other", "local"): 2,
        ("small", "local"): 2,
    }
    assert found.total.pictures == 2
    totals = json.loads(project.command("cache", "stats", "--format", "json").stdout)["total"]
    assert totals["pictures"] == 2
    assert totals["usd"] == 0


# -- where there is nothing, or nothing good


def test_without_a_store_there_is_nothing_to_look_after(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is stored here"):
        cache.stats(tmp_path)


def test_a_damaged_index_is_not_tidied_by(project: Small) -> None:
    for file in project.store.glob("index.sqlite*"):
        file.unlink()
    (project.store / "index.sqlite").write_bytes(b"garbage" * 999)
    with pytest.raises(StoreError, match="is damaged"):
        cache.gc(project.folder)
    assert len(objects(project.folder)) == 2


def test_the_store_of_a_recipe_is_found_from_below(project: Small) -> None:
    assert cache.verify(project.folder / "photos").pictures == 2


def test_damage_that_shows_while_reading_is_told(project: Small) -> None:
    index = project.store / "index.sqlite"
    with closing(sqlite3.connect(index)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = index.read_bytes()
    index.write_bytes(raw[:4096] + b"\x55" * (len(raw) - 4096))
    done = project.command("cache", "stats")
    assert (done.returncode, "Traceback" in done.stderr, "is damaged" in done.stderr) == (1, False, True)


def test_ages_and_sizes() -> None:
    assert [seconds(text) for text in ("30d", "2w", "12h")] == [30 * 86_400, 14 * 86_400, 12 * 3600]
    assert [megabytes(size) for size in (1, 900, 12_000, 3_440_000, 56e6, 1.2e9)] == [
        "1 byte", "900 bytes", "12 kB", "3.4 MB", "56 MB", "1.2 GB",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "3y"])
def test_an_age_that_is_none_is_a_usage_error(project: Small, text: str) -> None:
    done = project.command("cache", "gc", "--older-than", text)
    assert (done.returncode, "an age is a number and one of m, h, d, w, e.g. 30d" in done.stderr) == (64, True)


def test_results_of_the_index_are_all_there(project: Small) -> None:
    with Index.open(project.store).in_use() as index:
        assert len(list(index.results())) == len(list(index.jobs())) == len(list(index.outputs())) == 2


# -- a store that is damaged, foreign, read-only, shared or full


def index_without_log(store: Path) -> Path:
    with closing(sqlite3.connect(store / "index.sqlite")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return store / "index.sqlite"


def garbage(index: Path) -> None:
    index.write_bytes(b"garbage" * 999)


def rotten_inside(index: Path) -> None:
    raw = index.read_bytes()
    index.write_bytes(raw[:4096] + b"\x55" * (len(raw) - 4096))


def altered(statement: str) -> Callable[[Path], None]:
    def damage(index: Path) -> None:
        with closing(sqlite3.connect(index)) as database, database:
            database.execute(statement)

    return damage


def misnamed(index: Path) -> None:
    index.write_bytes(index.read_bytes().replace(b"CREATE TABLE jobs", b"CREATE TAB\xff\xfe jobs"))


DAMAGE = {
    "garbage": garbage,
    "rotten inside": rotten_inside,
    "a table's definition": misnamed,
    "no table": altered("DROP TABLE jobs"),
    "no column": altered("ALTER TABLE outputs DROP COLUMN writer"),
    "no text": altered("UPDATE results SET components = CAST(x'ff' AS TEXT)"),
    "nonsense": altered("UPDATE results SET made = '[[], \"real\", []]'"),
    "no JSON": altered("UPDATE results SET made = '{'"),
    "an older version": altered("PRAGMA user_version = 1"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_index_is_found_and_mended_from_receipts(paid: Path, damage: Callable[[Path], None]) -> None:
    damage(index_without_log(paid / ".wanflow"))
    found = cache.verify(paid)
    assert not found.whole
    remedy = "wanflow cache verify --mend puts it aside and takes what was paid for from its receipts"
    assert found.index_fault == f"{paid}/.wanflow/index.sqlite is damaged; {remedy}"
    assert verified_text(found).startswith(found.index_fault)
    mended = cache.verify(paid, mend=True)
    assert (mended.whole, mended.pictures, mended.faults) == (True, 1, [])
    assert "is kept as index.sqlite.damaged" in mended.index_mended
    assert cache.verify(paid).index_mended == ""
    assert run(paid)[Status.REUSED] == 1


def flipped(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def in_the_way(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "fault"),
    [(flipped, "damaged"), (cut_short, "damaged"), (Path.unlink, "missing"), (in_the_way, "unreadable")],
)
def test_every_kind_of_damage_is_found(project: Small, damage: Callable[[Path], None], fault: str) -> None:
    bad = objects(project.folder)[0]
    damage(bad)
    found = cache.verify(project.folder)
    assert [(entry.sha256, entry.fault) for entry in found.faults] == [(bad.name, fault)]
    if fault == "unreadable":
        with pytest.raises(StoreError, match="Is a directory"):
            cache.verify(project.folder, mend=True)
    else:
        assert cache.verify(project.folder, mend=True).whole


def test_a_paid_result_without_a_receipt_gets_one(paid: Path) -> None:
    (paid / ".wanflow" / FILE).unlink()
    found = cache.verify(paid)
    assert (found.whole, found.unreceipted) == (False, 1)
    assert "1 paid result without a receipt; --mend writes it anew" in verified_text(found)
    assert cache.verify(paid, mend=True).whole
    (paid / ".wanflow/index.sqlite").unlink()
    assert run(paid)[Status.REUSED] == 1


def test_nothing_is_mended_while_a_run_is_in_progress(project: Small) -> None:
    with locks.shared(project.store / locks.IN_USE), pytest.raises(StoreError, match="a run of this project is in"):
        cache.verify(project.folder, mend=True)


def test_what_a_task_in_flight_was_made_from_stays(project: Small) -> None:
    """Sent by a run that died; its key and its picture are in the ledger alone."""
    with Index.open(project.store).in_use() as index:
        (_, kept, _), (key, _, _) = index.results()
    rename_what_is_made(project)
    age(project.folder)
    call = Call("k" * 64, "wan/expand", {"n": 1}, {"image": ("", kept.blobs[0].sha256)}, model="m")
    accounts = state_folder() / "accounts"
    ledger = Ledger.open(accounts / "a", Owner("run", 1, str(project.folder), "run"), "a", YEAR_AGO)
    for number, order in enumerate((call, replace(call, key=key, inputs={}))):
        lane = f"lane{number}"
        task = ledger.claim(Order(order, lane, Limits(2), PRICE, "[]", "r", "1/wide"), YEAR_AGO)
        assert isinstance(task, Task)
        assert ledger.fence(task, YEAR_AGO, 0.0)
    ledger.close()
    assert (cache.gc(project.folder, dry_run=True).results, cache.gc(project.folder, dry_run=True).items) == (1, [])
    (accounts / "a" / LEDGER).write_bytes(b"garbage" * 999)
    with pytest.raises(StoreError, match=r"the ledger of paid tasks in .* can't be used"):
        cache.gc(project.folder)
    shutil.rmtree(accounts / "a")
    assert len(cache.gc(project.folder).items) == 2


def test_pictures_that_others_may_share_are_not_removed(project: Small) -> None:
    rename_what_is_made(project)
    age(project.folder)
    (project.store / "objects").rename(project.folder / "shared")
    (project.store / "objects").symlink_to(project.folder / "shared")
    with pytest.raises(StoreError, match=r"objects is a link to .*/shared, which others may use, too; nothing"):
        cache.gc(project.folder)
    assert cache.verify(project.folder).pictures == 4
    assert cache.stats(project.folder).total.pictures == 4


def test_what_is_not_ours_stays_where_it_is(project: Small) -> None:
    precious = project.folder / "precious"
    precious.mkdir()
    for name in ("ab" * 32, "notes.txt", ".wanflow-1.part"):
        (precious / name).write_bytes(b"mine")
    folder = project.store / "objects"
    (folder / "ab").symlink_to(precious)
    (folder / "cd").mkdir()
    links = [folder / "cd" / ("cd" * 32), folder / ".wanflow-2.part", folder / "cd" / ("cd" * 31 + "00")]
    for link in links:
        link.symlink_to(precious / "notes.txt" if link is not links[2] else precious / "gone")
    (folder / "cd/README").write_text("mine")
    (folder / "cd" / ("cd" * 31 + "01")).mkdir()
    (project.store / "locks/folder").mkdir(parents=True)
    os.utime(precious / ".wanflow-1.part", (YEAR_AGO, YEAR_AGO))
    assert cache.gc(project.folder, older_than_s=-1).items == []
    assert len(list(precious.iterdir())) == 3
    assert all(link.is_symlink() for link in links)
    assert (folder / "cd/README").exists()


def test_a_store_that_can_only_be_read_is_verified_and_counted(project: Small) -> None:
    rename_what_is_made(project)
    age(project.folder)
    folders = [project.store, project.store / "objects", *(project.store / "objects").glob("??")]
    with contextlib.ExitStack() as held:
        for folder in folders:
            held.enter_context(permissions(folder, 0o555))
        for words in (["verify"], ["stats"], ["gc", "--dry-run"]):
            told = as_ordinary_user(project, "cache", *words)
            assert (told.returncode, told.stderr) == (0, "")
        told = as_ordinary_user(project, "cache", "gc")
        assert told.returncode == 1
        assert re.search(
            r"^wanflow: the store can't be tidied up: .* can't be written: Permission denied$", told.stderr
        )
    assert len(objects(project.folder)) == 4


def test_room_is_made_on_a_disk_that_is_full_to_the_last_byte(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    step = "small: {uses: local/fit, image: row.photo, with: {max_side: 180}}"
    project = small_project(tmp_path / "p", {"1.png": coded(noise), "2.png": coded(noise[::-1])}, steps=[step])
    project.store.mkdir()
    wanflow = shlex.join(WANFLOW)
    script = (
        "mount -t tmpfs -o size=2000k small .wanflow || exit 77\n"
        f"{wanflow} run r.yaml && sed -i 's/max_side: 180/max_side: 170/' r.yaml && {wanflow} run r.yaml || exit 1\n"
        "head -c 4000000 /dev/zero > .wanflow/filler 2>/dev/null\n"
        f"{wanflow} cache verify && {wanflow} cache gc --older-than 0m && {wanflow} cache verify\n"
    )
    told = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=project.folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if told.returncode == 77:
        pytest.skip("no disk can be mounted here")
    assert told.returncode == 0, told.stdout + told.stderr
    before, removed, after = told.stdout.splitlines()[2:]
    assert before.startswith("4 stored pictures, ")
    assert removed.startswith("2 pictures, ")
    assert removed.endswith("removed; 2 results forgotten")
    assert after.startswith("2 stored pictures, ")
    assert after.endswith(": all whole")


KILLED = """
import hashlib, os, sys
from itertools import count
from pathlib import Path
from wanflow import cache
from wanflow.model import Blob, Result
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index

root = Path(sys.argv[1])
left = [0]

def dying(work):
    def worked(*values, **more):
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
        return work(*values, **more)
    return worked

def change(number):
    blobs = Blobs(root / ".wanflow")
    with Index.open(root / ".wanflow").in_use() as index:
        for name in ("free", "paid"):
            data = f"{name} {number}".encode()
            blob = Blob(blobs.put(data), 1, 1, "PNG", len(data))
            result = Result((blob,), "real", (), *((f"task-{number}", 1) if name == "paid" else ()))
            with index.transaction():
                index.remember(f"{name}{number}", result, '["", "f", "b", {}, {}]')
    part = blobs.part()
    part.write_bytes(data + b"!")
    blobs.adopt(part, hashlib.sha256(data + b"!").hexdigest())
    cache.gc(root, older_than_s=-9)

for place in count(1):
    child = os.fork()
    if not child:
        left[0] = place
        for name in ("fsync", "write", "open", "mkdir"):
            setattr(os, name, dying(getattr(os, name)))
        Path.replace, Path.unlink = dying(Path.replace), dying(Path.unlink)
        if place % 3 == 0:
            (root / ".wanflow").exists() and [path.unlink() for path in (root / ".wanflow").glob("index.sqlite*")]
        change(place)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if (root / ".wanflow").exists():
        found = cache.verify(root)
        assert not found.faults and not found.index_fault, (place, found)
    if status == 0:
        print(place)
        break
    assert os.waitstatus_to_exitcode(status) == 9, place
"""


def test_a_store_opens_wherever_its_process_was_killed(tmp_path: Path) -> None:
    (tmp_path / "wanflow.toml").touch()
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 15
