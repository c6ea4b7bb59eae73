"""verify, gc and stats of a project's store."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from fakes import PRICE, Fakery, picture
from projects import WANFLOW, Heard, Small, photo, small_project

from wanflow import api, cache
from wanflow.cachetext import megabytes, seconds, stats_text, verified_text
from wanflow.errors import StoreError, UsageError
from wanflow.model import Status
from wanflow.store import locks
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index

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
        with pytest.raises(StoreError, match="a run of this project is in progress; nothing was removed"):
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
    assert stats_text(found).endswith("$0.02 for 1 image")


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
