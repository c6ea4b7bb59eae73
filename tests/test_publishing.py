"""Files that a run puts where the user wants them, and those that it no longer did."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import picture

from wanflow.model import Blob, Publication
from wanflow.planning.outputs import Publisher, Written
from wanflow.running.halt import Halt
from wanflow.running.publishing import Publishing
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index


class Slow(Publisher):
    """Writes nothing before it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Blobs(root / ".wanflow"), root / "kept")
        self.go = threading.Event()

    def publish(self, *wanted: Any) -> Written:
        self.go.wait()
        return super().publish(*wanted)


@pytest.mark.parametrize("turns", [0, 5])
def test_a_file_that_an_abort_cut_off_counts_as_unwritten(turns: int, tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    raw = picture("a")
    wanted = Publication("a", "out/a.png", Blob(slow.blobs.put(raw), 8, 6, "PNG", len(raw)), "colour")
    progress: Any = SimpleNamespace(end_one=lambda _: None)
    nobody: Any = SimpleNamespace(published=lambda *_: None)

    async def aborted(publishing: Publishing) -> None:
        publishing.add(progress, [wanted])
        [work] = [asyncio.ensure_future(each) for each in publishing.start()]
        for _ in range(turns):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        slow.go.set()

    with closing(Index.memory()) as index:
        publishing = Publishing(progress, slow, index, nobody, Halt(lambda _: None, keep_going=True))
        asyncio.run(aborted(publishing))
        assert (publishing.unwritten, publishing.written) == (1, 0)
