import asyncio
import hashlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from projects import coded, gradient, photo

from wanflow.errors import Again, EditError
from wanflow.model import Call
from wanflow.pixels import codec
from wanflow.pixels.engine import BLACK_HINT
from wanflow.store.blobs import Blobs
from wanflow.workers import Workers, perform


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
    assert str(caught.value) == f"StoreNotWritten: {tmp_path}/store/objects/ca can't be written: Not a directory"


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


def test_edit_that_hangs_is_ended_at_the_deadline(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")  # reading it waits for ever
    hanging = Call("k" * 64, "local/fit", {"max_side": 16}, {"image": (str(tmp_path / "a.png"), "0" * 64)})

    async def hang() -> EditError:
        workers = Workers(1, tmp_path / "store", deadline_s=1.5)
        try:
            with pytest.raises(EditError) as caught:
                await workers.perform(hanging)
            return caught.value
        finally:
            workers.close()

    error = asyncio.run(hang())
    assert (error.code, error.message, error.again) == ("Deadline", "not done after 2 s", Again.NEVER)


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
