"""What happens to a project whose disk, store or outputs are not as wanflow left them."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from projects import (
    FIT,
    WANFLOW,
    Heard,
    Small,
    as_ordinary_user,
    coded,
    gradient,
    no_file_larger_than,
    permissions,
    photo,
    pixels_of,
    small_project,
    statuses,
)

from wanflow.errors import EditError, StoreError
from wanflow.model import Blob, Publication
from wanflow.planning.outputs import Publisher
from wanflow.store.blobs import Blobs, write_whole
from wanflow.store.formats import INDEX


def on_small_disk(project: Small, folder: str, *words: str) -> subprocess.CompletedProcess[str]:
    """wanflow with a folder on a disk of 500 kB of its own, and once more after that disk has grown; stderr of the
    first run, stdout of the second.
    """
    (project.folder / folder).mkdir(exist_ok=True)
    command = shlex.join([*WANFLOW, *words])
    script = (
        f"mount -t tmpfs -o size=500k small {folder} || exit 77\n"
        f"{command} >/dev/null; code=$?; mount -o remount,size=50m {folder}; {command} 2>/dev/null; exit $code"
    )
    told = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=project.folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if told.returncode == 77:
        pytest.skip("no disk can be mounted here")
    return told


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return small_project(tmp_path / "p")


# -- what can't be written or read


def test_project_that_cannot_be_written_is_planned_but_not_run(project: Small) -> None:
    with permissions(project.folder, 0o555):
        planned, ran = as_ordinary_user(project, "plan", "r.yaml"), as_ordinary_user(project, "run", "r.yaml")
    assert (planned.returncode, planned.stderr) == (0, "")
    assert "2 jobs, free" in planned.stdout
    assert ran.returncode == 1
    assert ran.stderr == (
        f"wanflow: nothing was started: {project.folder}/.wanflow can't be written: Permission denied\n"
    )


def test_output_folder_that_cannot_be_written_is_said_before_any_work(project: Small) -> None:
    (project.folder / "out").mkdir()
    with permissions(project.folder / "out", 0o555):
        ran = as_ordinary_user(project, "run", "r.yaml")
    assert ran.returncode == 1
    assert ran.stderr == "wanflow: nothing was started: out is no folder that can be written\n"
    assert project.run().exit_code == 0
    assert sorted(project.outputs()) == ["1.png", "2.png"]


def test_photo_that_may_not_be_read_is_refused_alone(project: Small) -> None:
    with permissions(project.folder / "photos/1.png", 0o000):
        ran = as_ordinary_user(project, "run", "r.yaml")
    assert ran.returncode == 1
    assert "row.photo: photos/1.png: can't be read: Permission denied: 1.png" in ran.stderr
    assert list(project.outputs()) == ["2.png"]


def test_file_in_place_of_the_store_is_said(project: Small) -> None:
    project.store.write_text("mine")
    with pytest.raises(StoreError) as caught:
        project.run()
    assert str(caught.value) == (
        f"nothing was started: {project.store} is a file, and a folder is needed there; move it away"
    )
    assert project.store.read_text() == "mine"


def test_file_where_the_output_folder_should_be_is_said_before_any_work(project: Small) -> None:
    (project.folder / "out").write_text("mine")
    with pytest.raises(StoreError, match=r"nothing was started: .*out is no folder that can be written"):
        project.run()
    assert (project.folder / "out").read_text() == "mine"


def test_folder_in_the_way_of_an_output_fails_that_file_alone(project: Small) -> None:
    blocker = project.folder / "out/1.png/x"
    blocker.parent.mkdir(parents=True)
    blocker.write_text("mine")
    heard = Heard()
    record = project.run(heard)
    assert (record.exit_code, record.not_written) == (1, 1)
    assert "out/1.png can't be written: a folder stands there" in heard.notes
    assert blocker.read_text() == "mine"
    shutil.rmtree(project.folder / "out")
    assert project.run().exit_code == 0


def test_full_disk_leaves_the_old_file_and_no_part_of_the_new(tmp_path: Path) -> None:
    target = tmp_path / "picture.png"
    target.write_bytes(b"old")
    with no_file_larger_than(4096), pytest.raises(OSError):
        write_whole(target, [os.urandom(100_000)])
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_disk_that_fills_up_stops_the_run_in_words_and_a_rerun_completes(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    photos = {"1.png": photo(1), **{f"{n}.png": coded(np.roll(noise, n)) for n in (2, 3, 4)}}
    step = "small: {uses: local/fit, image: row.photo, with: {max_side: 280}}"
    project = small_project(tmp_path / "p", photos, steps=[step])
    with no_file_larger_than(140_000):
        ran = project.command("run", "r.yaml")
    assert ran.returncode == 1
    full = f"{project.store} has no room left (File too large); make room there"
    (first,) = re.findall(r"1/small  .*\n", ran.stderr)
    assert ran.stderr == (
        f"{first}  2/small failed: StoreNotWritten: {full}\n"
        f"  {full}. Nothing more is started\n"
        f"wanflow: {full}. 1 picture that this run made and all from before are kept; run again to go on.\n"
    )
    assert not list(project.folder.rglob("*.part"))
    assert statuses(project.run()) == {"2/small": "done", "3/small": "done", "4/small": "done"}


def test_full_disk_says_which_folder_what_is_kept_and_how_to_go_on(tmp_path: Path) -> None:
    """Disks of their own, really full, for the store and then for the outputs."""
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    step = "small: {uses: local/fit, image: row.photo, with: {max_side: 280}}"
    project = small_project(tmp_path / "p", {f"{n}.png": coded(np.roll(noise, n)) for n in range(1, 7)}, steps=[step])
    told = on_small_disk(project, ".wanflow", "run", "r.yaml")
    full = f"{project.store} has no room left (No space left on device); make room there"
    assert told.returncode == 1
    assert re.sub(r"  local/fit .*", "", told.stderr) == (
        f"1/small\n  2/small failed: StoreNotWritten: {full}\n"
        f"  {full}. Nothing more is started\n"
        f"wanflow: {full}. 1 picture that this run made and all from before are kept; run again to go on.\n"
    )
    assert told.stdout.startswith("small: 5 done, 1 reused, 5 files written to out in ")
    shutil.rmtree(project.folder / "out")
    told = on_small_disk(project, "out", "run", "r.yaml")
    full = f"{project.folder}/out has no room left (No space left on device); make room there"
    made = told.stderr.count("local/fit")
    assert told.returncode == 1
    assert told.stderr.count("Nothing more is started") == 1
    assert re.sub(r"out/\d", "out/N", told.stderr).endswith(
        f"wanflow: out/N.png can't be written: {full}. "
        f"{made} pictures that this run made and all from before are kept; run again to go on.\n"
    )
    assert "Traceback" not in told.stderr
    assert told.stdout.startswith(f"small: {6 - made} done, {made} reused, 4 files written to out in ")


def test_disk_without_room_for_the_index_is_said_before_any_work(project: Small) -> None:
    with no_file_larger_than(1024):
        ran = project.command("run", "r.yaml")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"wanflow: nothing was started: {project.store}/index.sqlite can't be written: disk I/O error\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
def test_full_disk_fails_the_output_in_words(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "store")
    sha256 = blobs.put(photo())

    class FullPublisher(Publisher):
        def _keep(self, target: Path, ours: set[str]) -> str:
            Path("/dev/full").write_bytes(b"x")
            raise AssertionError("a full device took a byte")

    publisher = FullPublisher(tmp_path, blobs, tmp_path / "kept")
    wanted = Publication("small", "a.png", Blob(sha256, 64, 48, "PNG", len(photo())), "small")
    with pytest.raises(EditError) as caught:
        publisher.publish(wanted, None, None)
    full = f"{tmp_path} has no room left (No space left on device); make room there"
    assert str(caught.value) == f"DiskFull: a.png can't be written: {full}"


def test_store_that_cannot_take_pictures_stops_the_run_and_says_why(project: Small) -> None:
    project.store.mkdir()
    (project.store / "objects").write_text("a file where blobs should go")
    heard = Heard()
    with pytest.raises(StoreError, match=r"/objects/.. can't be written: Not a directory"):
        project.run(heard)
    assert [note for note in heard.notes if "Nothing more is started" in note]
    assert heard.outcomes[0].status == "failed"
    (project.store / "objects").unlink()
    assert project.run().exit_code == 0


# -- a store that is not as it was left


def test_store_of_a_newer_wanflow_is_refused_and_untouched(project: Small) -> None:
    project.run()
    with contextlib.closing(sqlite3.connect(project.store / "index.sqlite")) as index:
        index.execute("PRAGMA user_version = 99")
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (project.store / "index.sqlite").read_bytes()
    for attempt in (project.run, project.plan):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert str(caught.value) == (
            f"{project.store} was written by a newer wanflow (its format is 99, this one reads {len(INDEX)}). "
            "Nothing was changed; upgrade wanflow."
        )
    assert (project.store / "index.sqlite").read_bytes() == before


@pytest.mark.parametrize("damage", [lambda raw: b"garbage" * 999, lambda raw: raw[: len(raw) // 2]])
def test_garbage_index_is_put_aside_and_said_once(project: Small, damage) -> None:
    project.run()
    before = project.outputs()
    index = project.store / "index.sqlite"
    with contextlib.closing(sqlite3.connect(index)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    index.write_bytes(damage(index.read_bytes()))
    heard = Heard()
    record = project.run(heard)
    assert record.notes == [f"{index} was damaged and is kept as index.sqlite.damaged; work is looked up anew"]
    assert (record.exit_code, heard.kept, project.outputs()) == (0, [], before)
    assert (project.store / "index.sqlite.damaged").exists()
    assert project.run().notes == []


def test_damage_inside_the_index_is_an_error_with_a_remedy_that_works(project: Small) -> None:
    project.run()
    index = project.store / "index.sqlite"
    with contextlib.closing(sqlite3.connect(index)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = index.read_bytes()
    index.write_bytes(raw[:4096] + b"\x55" * (len(raw) - 4096))
    with pytest.raises(StoreError, match=r"is damaged: .*; wanflow cache verify --mend puts it aside"):
        project.run()
    assert project.command("cache", "verify", "--mend").returncode == 0
    assert project.run().exit_code == 0


def test_deleted_store_makes_the_work_again_and_leaves_equal_outputs_alone(project: Small) -> None:
    project.run()
    before = project.outputs()
    shutil.rmtree(project.store)
    heard = Heard()
    record = project.run(heard)
    assert set(statuses(record).values()) == {"done"}
    assert (heard.kept, project.outputs()) == ([], before)


def test_edited_output_is_kept_aside_and_said(project: Small) -> None:
    project.run()
    before = project.outputs()
    project.out("1.png").write_bytes(b"my retouched version")
    heard = Heard()
    record = project.run(heard)
    ((path, kept),) = heard.kept
    assert path == "out/1.png"
    assert kept == f".wanflow/kept/{record.run_id}/out/1.png"
    assert (project.folder / kept).read_bytes() == b"my retouched version"
    assert project.outputs() == before
    assert set(statuses(record).values()) == {"reused"}


def test_file_that_stood_there_before_the_first_run_is_kept(project: Small) -> None:
    (project.folder / "out").mkdir()
    project.out("1.png").write_bytes(b"not by wanflow")
    heard = Heard()
    project.run(heard)
    assert [(project.folder / kept).read_bytes() for _, kept in heard.kept] == [b"not by wanflow"]


def test_deleted_output_is_restored_without_a_job(project: Small) -> None:
    project.run()
    before = project.outputs()
    project.out("2.png").unlink()
    plan = project.plan()
    assert (plan.totals.run, plan.totals.restore) == (0, 1)
    heard = Heard()
    record = project.run(heard)
    assert (record.written, heard.published_paths) == (1, ["out/2.png"])
    assert project.outputs() == before


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_bad_blob_is_a_miss_said_once_and_made_again(project: Small, fault: str) -> None:
    first = project.run()
    before = project.outputs()
    (blob,) = [o.outputs[0].sha256 for o in first.outcomes if o.job == "1/small"]
    stored = Blobs(project.store).path(blob)
    stored.unlink() if fault == "missing" else stored.write_bytes(b"rotten")
    project.out("1.png").unlink()
    record = project.run()
    assert record.notes == [f"the stored picture of 1/small is {fault}; it is made again"]
    assert statuses(record)["1/small"] == "done"
    assert record.counts()["done"] == 1
    assert project.outputs() == before
    again = project.run()
    assert (again.notes, again.counts()["done"]) == ([], 0)


def test_damaged_blob_is_never_published(project: Small) -> None:
    first = project.run()
    (blob,) = [o.outputs[0].sha256 for o in first.outcomes if o.job == "1/small"]
    Blobs(project.store).path(blob).write_bytes(photo(9))  # a whole picture, but another one
    project.out("1.png").unlink()
    wanted = pixels_of(project.outputs()["2.png"]).shape
    project.run()
    assert pixels_of(project.outputs()["1.png"]).shape == wanted
    assert project.outputs()["1.png"] != photo(9)


def test_input_that_changes_is_edited_anew(project: Small) -> None:
    project.run()
    (project.folder / "photos/1.png").write_bytes(photo(5))
    plan = project.plan()
    assert [(d.reason, d.action) for row, d in plan.decisions() if row == "1"] == [("input_changed", "run")]


# -- processes that end before their time


def processes_of(folder: Path) -> list[int]:
    """Every process that stands in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


linux = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="reads /proc")


@pytest.fixture
def busy(tmp_path: Path):
    """A run with one quick job after which slow ones are under way, as a process group of its own."""
    photos = {"1.png": photo(1), **{f"{n}.jpg": coded(gradient(2000, 1600, n), "JPEG") for n in (2, 3, 4)}}
    enlarge = "uses: wan/super_resolution, image: row.photo, with: {upscale_factor: 2}"
    steps = [FIT, f'slow: {{{enlarge}, when: row.id != "1", otherwise: skip}}']
    outputs = [
        'small: {image: steps.small, to: "out/${{ row.id }}.png"}',
        'slow: {image: steps.slow, to: "out/s${{ row.id }}.png"}',
    ]
    project = small_project(tmp_path / "p", photos, steps=steps, outputs=outputs)
    started = subprocess.Popen(
        [*WANFLOW, "run", "r.yaml"], cwd=project.folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert started.stderr
    told = [started.stderr.readline(), started.stderr.readline()]
    assert told[0].startswith("1/small"), told
    yield project, started
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait(10)
    started.stderr.close()


def wait_until(true, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(true())


@linux
def test_ctrl_c_finishes_what_is_under_way_and_a_rerun_does_the_rest(busy) -> None:
    project, started = busy
    os.killpg(started.pid, signal.SIGINT)
    said = started.communicate(timeout=30)[1]
    assert started.returncode == 130
    assert "finishing what is under way; press Ctrl-C again to stop at once" in said
    assert "Traceback" not in said
    assert wait_until(lambda: not processes_of(project.folder))
    assert project.out("1.png").exists()
    assert not list(project.folder.rglob("*.part"))
    counts = project.plan().totals
    assert counts.reuse >= 2
    assert counts.run >= 1


@linux
def test_second_ctrl_c_stops_at_once_and_leaves_no_process(busy) -> None:
    project, started = busy
    os.killpg(started.pid, signal.SIGINT)
    while "finishing what is under way" not in started.stderr.readline():
        pass
    os.killpg(started.pid, signal.SIGINT)
    began = time.monotonic()
    said = started.communicate(timeout=30)[1]
    assert started.returncode == 130
    assert "stopping at once" in said
    assert "Traceback" not in said
    assert time.monotonic() - began < 5
    assert wait_until(lambda: not processes_of(project.folder))
    assert project.plan().totals.reuse >= 1


@linux
def test_killed_run_leaves_no_process_and_nothing_half_made(busy) -> None:
    project, started = busy
    started.kill()
    started.wait(10)
    assert wait_until(lambda: not processes_of(project.folder))
    blobs = Blobs(project.store)
    names = [path.name for path in (project.store / "objects").rglob("*") if path.is_file()]
    assert names
    assert [name for name in names if not name.endswith(".part") and blobs.fault(name)] == []
    assert project.plan().totals.reuse >= 1


@linux
def test_killed_worker_is_tried_again(busy) -> None:
    project, started = busy
    mine = processes_of(project.folder)
    workers = [pid for pid in mine if _parent(pid) in mine and _parent(pid) != started.pid]
    os.kill(workers[0], signal.SIGKILL)
    told = ""
    assert started.stderr
    while "trying again" not in told:
        told = started.stderr.readline()
        assert told
    why = "out of memory, a crash in a library, or killed from outside"
    assert f"WorkerDied: the worker process died ({why}); trying again" in told


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def test_two_runs_at_once_both_succeed_with_whole_outputs(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p", {f"{n}.png": photo(n) for n in range(12)})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([*WANFLOW, "run", "r.yaml"], cwd=project.folder, **pipes) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    done = [int(found.group(1)) for out, _ in said if (found := re.search(r"(\d+) done", out))]
    assert len(done) == 2
    assert sum(done) == 12, "equal work was done twice"
    assert len(project.outputs()) == 12
    assert {pixels_of(raw).shape for raw in project.outputs().values()} == {(36, 48, 3)}
    assert project.plan().nothing_to_do
    assert not (project.store / "kept").exists()
