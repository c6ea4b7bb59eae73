"""Edits on this machine: one single-worker process per slot, so that a picture that kills its worker fails alone."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, forkserver, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

from wanflow.catalog import models
from wanflow.errors import Again, EditError, unwritable
from wanflow.model import Blob, Call, Result
from wanflow.store.blobs import Blobs, read_checked

if TYPE_CHECKING:
    from wanflow.pixels.engine import Hint, Picture

LANE = "this machine"
# The slowest edit promised is 90 s for 4096 x 4096; ten times that is a hang.
DEADLINE_S = 900.0


class Workers:
    """`slots` processes that perform calls and store what they make. Processes start when first needed."""

    def __init__(self, slots: int, store: Path, *, deadline_s: float = DEADLINE_S) -> None:
        self.slots = slots
        self.store = store
        self._deadline_s = deadline_s
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: set[ProcessPoolExecutor] = set()

    async def perform(self, call: Call) -> Result:
        """Perform one call in a worker of its own. Raises EditError."""
        worker = self._idle.pop() if self._idle else self._start()
        self._busy.add(worker)
        try:
            running = asyncio.get_running_loop().run_in_executor(worker, perform, call, self.store)
            result = await asyncio.wait_for(running, self._deadline_s)
        except BrokenProcessPool as error:
            self._drop(worker)
            message = "the worker process died (out of memory, or killed from outside)"
            raise EditError("WorkerDied", message, Again.SOON) from error
        except TimeoutError as error:
            self._drop(worker)
            raise EditError("Deadline", f"not done after {self._deadline_s:.0f} s") from error
        except EditError:
            self._release(worker)
            raise
        except BaseException:  # cancelled, or a bug: what the worker does now is unknown
            self._drop(worker)
            raise
        self._release(worker)
        return result

    def close(self) -> None:
        """End all workers."""
        for worker in [*self._idle, *self._busy]:
            self._drop(worker)
        self._idle.clear()

    def _start(self) -> ProcessPoolExecutor:
        # Read when numpy is loaded, so set before the fork server starts: OpenBLAS's spinning threads cost 10x.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        return ProcessPoolExecutor(1, mp_context=_context(), initializer=_begin)

    def _release(self, worker: ProcessPoolExecutor) -> None:
        self._busy.discard(worker)
        self._idle.append(worker)

    def _drop(self, worker: ProcessPoolExecutor) -> None:
        self._busy.discard(worker)
        for process in list((getattr(worker, "_processes", None) or {}).values()):
            process.kill()
        worker.shutdown(wait=False, cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    # The fork server loads numpy and OpenCV once; forking the main process itself is unsafe beside threads.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["wanflow.workers", "wanflow.pixels.codec"])
    # A Ctrl-C while the server loads must reach only the loop, and a blocked signal stays blocked in what is started.
    # The tracker comes first, because starting it unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _begin() -> None:
    # Ctrl-C goes to the whole process group; what is under way is the loop's to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A worker holds both ends of its queue, so it would wait for ever when wanflow itself is killed.
    if parent := multiprocessing.parent_process():
        connection.wait([parent.sentinel])
        os._exit(1)


def perform(call: Call, store: Path) -> Result:
    """Read a call's inputs, edit, and store the picture; runs in a worker process. Raises EditError."""
    from wanflow.pixels import codec, engine

    pictures = {slot: codec.decode(read_checked(Path(path), sha256)) for slot, (path, sha256) in call.inputs.items()}
    base = [pictures[slot] for slot in ("image", *_numbered(pictures)) if slot in pictures]
    seed = call.parameters.get("seed") or 0
    hint = _hint(call, pictures)
    size = models()[call.model].size if call.model else None
    request = engine.EditRequest(call.function, tuple(base), pictures.get("mask"), call.parameters, seed, hint, size)
    try:
        edited = engine.apply(request)
    except EditError:
        raise
    except MemoryError as error:
        raise EditError("OutOfMemory", "the picture is too large for this machine's memory") from error
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        raise EditError("EngineBug", f"a bug in wanflow's engine: {type(error).__name__}: {error} ({where})") from error
    lossless = all(picture.lossless for picture in base)
    data = codec.encode(edited.picture, lossless_source=lossless)
    try:
        sha256 = Blobs(store).put(data)
    except OSError as error:
        raise EditError("StoreNotWritten", unwritable(store, error)) from error
    width, height = edited.picture.size
    return Result((Blob(sha256, width, height, "PNG", len(data)),), edited.fidelity.value, edited.warnings)


def _hint(call: Call, pictures: Mapping[str, Picture]) -> Hint:
    from wanflow.pixels import edit_mask, engine

    if call.region:
        x, y, width, height = call.region
        return engine.Hint((x, y, x + width, y + height))
    mask = pictures.get("hint.mask")
    return engine.Hint(mask=None if mask is None else edit_mask.white(mask.rgb))


def _numbered(slots: Iterable[str]) -> list[str]:
    names = [slot for slot in slots if slot.startswith("images.")]
    return sorted(names, key=lambda slot: int(slot.partition(".")[2]))
