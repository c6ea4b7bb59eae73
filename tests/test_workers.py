import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import threading
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path

import hostile
import numpy as np
import pytest
from clocks import Stopwatch
from projects import coded, gradient, photo

from wanflow.backends.draft import DraftBackend
from wanflow.backends.workers import Workers, perform
from wanflow.errors import Again, EditError
from wanflow.model import Call, Result
from wanflow.paying.attempts import Retries
from wanflow.pixels import codec
from wanflow.pixels.engine import BLACK_HINT
from wanflow.store.blobs import Blobs


def call(folder: Path, raw: bytes | None = None, **parameters: int) -> Call:
    raw = raw or photo()
    path = folder / "a.png"
    path.write_bytes(raw)
    inputs = {"image": (str(path), hashlib.sha256(raw).hexdigest())}
    return Call("k" * 64, "local/fit", parameters or {"max_side": 16}, inputs)


def test_edited_picture_is_stored_and_described(tmp_path: Path) -> None:
    result = perform(call(tmp_path), tmp_path / "store")
    (blob,) = result.blobs
    assert (blob.size, blob.format, result.fidelity) == ((16, 12), "PNG", "real")
    raw = Blobs(tmp_path / "store").read(blob.sha256)
    assert (len(raw), codec.decode(raw).size) == (blob.size_bytes, (16, 12))


def test_same_call_gives_the_same_bytes(tmp_path: Path) -> None:
    made = [perform(call(tmp_path), tmp_path / name).blobs[0].sha256 for name in ("one", "other")]
    assert made[0] == made[1]


def test_picture_from_a_lossy_file_says_so(tmp_path: Path) -> None:
    jpeg = perform(call(tmp_path, coded(gradient(), "JPEG")), tmp_path / "store").blobs[0]
    assert not codec.decode(Blobs(tmp_path / "store").read(jpeg.sha256)).lossless


def test_input_that_changed_is_not_edited(tmp_path: Path) -> None:
    wanted = call(tmp_path)
    (tmp_path / "a.png").write_bytes(photo(5))
    with pytest.raises(EditError, match="InputChanged"):
        perform(wanted, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_store_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(EditError) as caught:
        perform(call(tmp_path), tmp_path / "store")
    assert str(caught.value) == f"StoreNotWritten: {tmp_path}/store/objects can't be written: Not a directory"


def test_error_of_an_edit_crosses_the_process_border_and_its_worker_lives_on(tmp_path: Path) -> None:
    async def twice() -> tuple[EditError, set[int]]:
        workers = Workers(1, tmp_path / "store")
        try:
            with pytest.raises(EditError) as caught:
                await workers.perform(call(tmp_path, b"no picture"))
            (tmp_path / "b").mkdir()
            await workers.perform(call(tmp_path / "b"))
            return caught.value, {id(worker) for worker in workers._idle}
        finally:
            workers.close()

    error, idle = asyncio.run(twice())
    assert (error.code, error.again, len(idle)) == ("ImageUnreadable", Again.NEVER, 1)


def test_killed_worker_fails_its_job_alone_and_may_be_tried_again(tmp_path: Path) -> None:
    async def killed() -> tuple[EditError, int]:
        workers = Workers(1, tmp_path / "store")
        try:
            await workers.perform(call(tmp_path))
            (worker,) = workers._idle
            (process,) = worker._processes.values()
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            with pytest.raises(EditError) as caught:
                await workers.perform(call(tmp_path))
            again = await workers.perform(call(tmp_path))
            return caught.value, again.blobs[0].width
        finally:
            workers.close()

    error, width = asyncio.run(killed())
    assert (error.code, error.again, width) == ("WorkerDied", Again.SOON, 16)


@pytest.mark.parametrize("sign", ["segfault", "abort", "kill", "exit"])
def test_a_job_that_ends_its_process_fails_alone_while_others_work(tmp_path: Path, sign: str) -> None:
    async def several() -> list[Result | BaseException]:
        workers = Workers(3, tmp_path / "store", work=hostile.work)
        try:
            calls = [call(tmp_path), replace(call(tmp_path), function=sign), call(tmp_path)]
            return await asyncio.gather(*map(workers.perform, calls), return_exceptions=True)
        finally:
            workers.close()

    one, poisoned, other = asyncio.run(several())
    assert isinstance(poisoned, EditError)
    assert (poisoned.code, poisoned.again) == ("WorkerDied", Again.SOON)
    assert isinstance(one, Result)
    assert one == other


def test_a_job_that_ends_its_process_is_tried_once_more(tmp_path: Path) -> None:
    notes: list[str] = []

    async def tried() -> EditError:
        workers = Workers(1, tmp_path / "store", work=hostile.work)
        retries = Retries(Stopwatch(), lambda: False, notes.append)
        try:
            with pytest.raises(EditError) as caught:
                await retries.perform(DraftBackend(workers), "1/a", replace(call(tmp_path), function="kill"))
            return caught.value
        finally:
            workers.close()

    error = asyncio.run(tried())
    assert (error.code, error.attempts, len(notes)) == ("WorkerDied", 2, 1)


def test_a_fork_server_that_dies_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as dying:
        dying.bind(str(tmp_path / "s"))
        dying.listen()
        held: list[int] = []

        def accept_and_die() -> None:
            with dying.accept()[0] as client:
                _, (taken, *answers), _, _ = socket.recv_fds(client, 1, 16)
            for answer in answers:
                os.close(answer)
            held.append(taken)

        async def killed() -> None:
            workers = Workers(1, tmp_path / "store")
            try:
                await workers.perform(call(tmp_path))  # the server runs
                workers.close()
                monkeypatch.setattr(forkserver._forkserver, "_forkserver_address", str(tmp_path / "s"))
                threading.Thread(target=accept_and_die, daemon=True).start()
                await workers.perform(call(tmp_path))
            finally:
                workers.close()

        with pytest.raises(EditError, match="no worker process can be started: the process that starts them died") as e:
            asyncio.run(killed())
        assert e.value.again is Again.SOON
        os.close(held.pop())


def test_a_job_that_wants_too_much_memory_is_refused_in_words_and_its_worker_lives_on(tmp_path: Path) -> None:
    async def greedy() -> tuple[EditError, int]:
        workers = Workers(1, tmp_path / "store", work=hostile.work)
        try:
            with pytest.raises(EditError) as caught:
                await workers.perform(replace(call(tmp_path), function="hoard"))
            return caught.value, len(workers._idle)
        finally:
            workers.close()

    error, idle = asyncio.run(greedy())
    assert (error.code, error.again, idle) == ("OutOfMemory", Again.NEVER, 1)
    assert error.message == "the picture is too large for this machine's memory"


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="Linux chooses so")
def test_the_system_ends_a_worker_before_wanflow(tmp_path: Path) -> None:
    async def scores() -> int:
        workers = Workers(1, tmp_path / "store")
        try:
            await workers.perform(call(tmp_path))
            (process,) = workers._idle[0]._processes.values()
            return int(Path(f"/proc/{process.pid}/oom_score_adj").read_text())
        finally:
            workers.close()

    assert asyncio.run(scores()) > int(Path("/proc/self/oom_score_adj").read_text())


@pytest.mark.parametrize(
    ("pixels", "said"),
    [(3_000_000, "local/fit of 3.0 million pixels was not done after 2 s"), (0, "local/fit was not done after 61 s")],
)
def test_edit_that_hangs_is_ended_at_a_deadline_that_grows_with_its_pictures(
    tmp_path: Path, pixels: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "a.png")  # reading it waits for ever
    inputs = {"image": (str(tmp_path / "a.png"), "0" * 64)}
    hanging = Call("k" * 64, "local/fit", {"max_side": 16}, inputs, pixels=pixels)
    waited: list[float] = []
    wait_for = asyncio.wait_for

    async def quick(running: asyncio.Future[Result], timeout: float) -> Result:  # only for the first, which hangs
        waited.append(timeout)
        return await wait_for(running, 1.0 if len(waited) == 1 else None)

    monkeypatch.setattr("wanflow.backends.workers.asyncio.wait_for", quick)

    async def hang() -> tuple[EditError, int]:
        workers = Workers(1, tmp_path / "store", seconds_per_megapixel=0.5, least_s=0.75)
        try:
            with pytest.raises(EditError) as caught:
                await workers.perform(hanging)
            (tmp_path / "b").mkdir()
            return caught.value, (await workers.perform(call(tmp_path / "b"))).blobs[0].width
        finally:
            workers.close()

    error, width = asyncio.run(hang())
    assert (error.code, error.again, width) == ("Deadline", Again.NEVER, 16)
    assert error.message == f"{said} and was ended; seconds_per_megapixel in wanflow.toml, now 0.5, sets the limit"
    assert waited[0] == 0.75 + 0.5 * (pixels or 120_000_000) / 1e6


def with_masks(folder: Path, function: str, masks: dict[str, bytes]) -> Call:
    """A call with the photo and these slots, `prompt` "blue"."""
    inputs = {}
    for slot, raw in {"image": photo(), **masks}.items():
        path = folder / slot
        path.write_bytes(raw)
        inputs[slot] = (str(path), hashlib.sha256(raw).hexdigest())
    return Call("k" * 64, function, {"prompt": "blue", "strength": 0.5}, inputs)


@pytest.mark.parametrize(
    ("function", "slot"), [("wan/description_edit_with_mask", "mask"), ("wan/description_edit", "hint.mask")]
)
def test_a_lossy_mask_does_not_make_a_lossless_picture_lossy(tmp_path: Path, function: str, slot: str) -> None:
    height, width = codec.decode(photo()).rgb.shape[:2]
    half = np.zeros((height, width, 3), np.uint8)
    half[:, : width // 2] = 255
    made = perform(with_masks(tmp_path, function, {slot: coded(half, "JPEG")}), tmp_path / "store").blobs[0]
    assert codec.decode(Blobs(tmp_path / "store").read(made.sha256)).lossless


def test_a_hints_mask_is_read_as_an_edits_is(tmp_path: Path) -> None:
    height, width = codec.decode(photo()).rgb.shape[:2]
    dark = np.zeros((height, width, 3), np.uint8)
    dark[..., 2] = 255
    made = perform(with_masks(tmp_path, "wan/description_edit", {"hint.mask": coded(dark)}), tmp_path / "store")
    assert BLACK_HINT in made.warnings
