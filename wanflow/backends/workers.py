"""Edits on this machine: one single-worker process per slot, so that a picture that kills its worker fails alone."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, forkserver, resource_tracker
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar, overload

from wanflow.errors import Again, EditError, describe_os_error, unwritable
from wanflow.functions.catalog import models
from wanflow.model import Blob, Call, Result
from wanflow.pictures.images import MAX_PIXELS
from wanflow.store.blobs import Blobs, read_checked

if TYPE_CHECKING:
    from wanflow.pixels.engine import Edited, Hint, Picture

T = TypeVar("T")

LANE = "this machine"
# The slowest edit promised takes 90 s for 17 million pixels; ten times that is a hang.
SECONDS_PER_MEGAPIXEL = 60.0
LEAST_S = 60.0
# All workers together may have so much of the machine's memory, and each what any ordinary edit needs.
MEMORY_SHARE = 0.8
LEAST_BYTES = 2 << 30
# So many pictures of a call are in memory together; of more, one at a time.
HELD = 4
# How long a killed worker's bookkeeping may take to end.
END_S = 5.0


class Workers:
    """`slots` processes that perform calls and store what they make. Processes start when first needed."""

    def __init__(
        self,
        slots: int,
        store: Path,
        *,
        seconds_per_megapixel: float = SECONDS_PER_MEGAPIXEL,
        least_s: float = LEAST_S,
        work: Callable[[Call, Path], Result] | None = None,
    ) -> None:
        self.slots = slots
        self.store = store
        self._seconds_per_megapixel, self._least_s = seconds_per_megapixel, least_s
        self._work = work or perform
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: set[ProcessPoolExecutor] = set()
        self._ending: list[threading.Thread] = []

    async def perform(self, call: Call) -> Result:
        """Perform one call in a worker of its own. Raises EditError."""
        pixels = (call.pixels or MAX_PIXELS) * call.parameters.get("n", 1)
        deadline_s = self._least_s + self._seconds_per_megapixel * pixels / 1e6
        return await self.do(
            self._work, call, self.store, deadline_s=deadline_s, too_slow=self._too_slow(call, deadline_s)
        )

    async def do(self, work: Callable[..., T], *given: object, deadline_s: float, too_slow: str) -> T:
        """Let a worker of its own do something, in so many seconds. Raises EditError."""
        worker = self._idle.pop() if self._idle else self._start()
        self._busy.add(worker)
        try:
            with _without_main():
                running = asyncio.get_running_loop().run_in_executor(worker, work, *given)
            result = await asyncio.wait_for(running, deadline_s)
        except BrokenProcessPool as error:
            self._drop(worker)
            message = "the worker process died (out of memory, a crash in a library, or killed from outside)"
            raise EditError("WorkerDied", message, Again.SOON) from error
        except TimeoutError as error:
            self._drop(worker)
            raise EditError("Deadline", too_slow) from error
        except (OSError, EOFError) as error:  # as the fork server says it, when it was killed
            self._drop(worker)
            why = describe_os_error(error) if isinstance(error, OSError) else "the process that starts them died"
            message = f"no worker process can be started: {why}"
            raise EditError("WorkerNotStarted", message, Again.SOON) from error
        except EditError:
            self._release(worker)
            raise
        except BaseException:  # cancelled, or a bug: what the worker does now is unknown
            self._drop(worker)
            raise
        self._release(worker)
        return result

    def _too_slow(self, call: Call, deadline_s: float) -> str:
        of = f" of {call.pixels / 1e6:.1f} million pixels" if call.pixels else ""
        limit = f"seconds_per_megapixel in wanflow.toml, now {self._seconds_per_megapixel:g}, sets the limit"
        return f"{call.function}{of} was not done after {deadline_s:,.0f} s and was ended; {limit}"

    def close(self) -> None:
        """End all workers."""
        for worker in [*self._idle, *self._busy]:
            self._drop(worker)
        self._idle.clear()
        for thread in self._ending:
            thread.join(END_S)

    def _start(self) -> ProcessPoolExecutor:
        # Read when numpy is loaded, so set before the fork server starts: OpenBLAS's spinning threads cost 10x.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        limit_bytes = max(LEAST_BYTES, int(_memory_bytes() * MEMORY_SHARE / self.slots))
        return ProcessPoolExecutor(1, mp_context=_context(), initializer=_begin, initargs=(limit_bytes,))

    def _release(self, worker: ProcessPoolExecutor) -> None:
        self._busy.discard(worker)
        self._idle.append(worker)

    def _drop(self, worker: ProcessPoolExecutor) -> None:
        self._busy.discard(worker)
        for process in list((getattr(worker, "_processes", None) or {}).values()):
            process.kill()
        # The interpreter's end and this thread's would both close its pipe, so close() waits.
        if thread := getattr(worker, "_executor_manager_thread", None):
            self._ending.append(thread)
        worker.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes that start meanwhile don't load the program that started them, as they would by themselves: it may be a
    script that runs a recipe whenever it is loaded.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _context() -> multiprocessing.context.BaseContext:
    # The fork server loads numpy and OpenCV once; forking the main process itself is unsafe beside threads.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["wanflow.backends.workers", "wanflow.pixels.codec"])
    # A Ctrl-C while the server loads must reach only the loop, and a blocked signal stays blocked in what is started.
    # The tracker comes first, because starting it unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _memory_bytes() -> int:
    """How much memory the machine has; 0 where it doesn't say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _begin(limit_bytes: int) -> None:
    # Ctrl-C goes to the whole process group; what is under way is the loop's to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _bound_memory(limit_bytes)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _bound_memory(limit_bytes: int) -> None:
    # What asks for more fails alone and in words. Where memory ends all the same, the system shall end the worker that
    # has it, not wanflow itself.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    with contextlib.suppress(
        ImportError, OSError, ValueError
    ):  # Windows has no such limits, and some systems lower ones
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _end_with_parent() -> None:
    # A worker holds both ends of its queue, so it would wait for ever when wanflow itself is killed.
    if parent := multiprocessing.parent_process():
        connection.wait([parent.sentinel])
        os._exit(1)


def perform(call: Call, store: Path) -> Result:
    """Read a call's inputs, edit, and store the picture; runs in a worker process. Raises EditError."""
    try:
        return _performed(call, store)
    except MemoryError as error:
        raise EditError("OutOfMemory", "the picture is too large for this machine's memory") from error


def _performed(call: Call, store: Path) -> Result:
    from wanflow.pixels import engine

    files = [call.inputs[slot] for slot in ("image", *_numbered(call.inputs)) if slot in call.inputs]
    held = len(files) <= HELD
    images = tuple(_read(file) for file in files) if held else OneByOne(files)
    mask = _read(call.inputs["mask"]) if "mask" in call.inputs else None
    seed = call.parameters.get("seed") or 0
    size = models()[call.model].size if call.model else None
    request = engine.EditRequest(call.function, images, mask, call.parameters, seed, _hint(call), size)
    try:
        made = engine.candidates(request, call.parameters.get("n", 1))
    except (EditError, MemoryError):
        raise
    except Exception as error:
        if "OutOfMemoryError" in str(error):  # as OpenCV says it
            raise MemoryError from error
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        raise EditError("EngineBug", f"a bug in wanflow's engine: {type(error).__name__}: {error} ({where})") from error
    exact = not held or all(picture.lossless for picture in images)
    blobs = tuple(_stored(call, edited, store, exact=exact) for edited in made)
    said = tuple(dict.fromkeys(warning for edited in made for warning in edited.warnings))
    return Result(blobs, max((edited.fidelity for edited in made), key=list(engine.Fidelity).index).value, said)


def _stored(call: Call, edited: Edited, store: Path, *, exact: bool) -> Blob:
    from wanflow.pixels import codec

    software = "wanflow" if call.function.startswith("local/") else "wanflow draft engine"
    lossless = edited.picture.lossless and exact
    data = codec.encode(edited.picture, edited.coding, lossless_source=lossless, software=software)
    try:
        sha256 = Blobs(store).put(data)
    except OSError as error:
        raise EditError("StoreNotWritten", unwritable(store, error)) from error
    return Blob(sha256, *edited.picture.size, edited.coding.format, len(data))


class OneByOne(Sequence["Picture"]):
    """Pictures that are read each time they are asked for and not held: two hundred photographs fill no memory."""

    def __init__(self, files: Sequence[tuple[str, str]]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | Sequence[Picture]:
        return OneByOne(self._files[index]) if isinstance(index, slice) else _read(self._files[index])


def _read(file: tuple[str, str]) -> Picture:
    from wanflow.pixels import codec

    path, sha256 = file
    return codec.decode(read_checked(Path(path), sha256))


def _hint(call: Call) -> Hint:
    from wanflow.pixels import edit_mask, engine

    if call.region:
        x, y, width, height = call.region
        return engine.Hint((x, y, x + width, y + height))
    file = call.inputs.get("hint.mask")
    return engine.Hint(mask=None if file is None else edit_mask.white(_read(file).rgb))


def _numbered(slots: Iterable[str]) -> list[str]:
    names = [slot for slot in slots if slot.startswith("images.")]
    return sorted(names, key=lambda slot: int(slot.partition(".")[2]))
