"""What was paid for and is stored, in .wanflow/receipts.jsonl: a line a result.

A line is on disk before the ledger says that its pictures are stored. The index is caught up from here, so that neither
its loss nor that of its last commits in a power cut costs money. Lines are only ever added, and one that a crash cut
short is passed over.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wanflow.store.blobs import make_folder, sync, sync_folder
from wanflow.store.made import listed, parts_of, read, result_of, text

FILE = "receipts.jsonl"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A result that was paid for: its key, and it and its key's components as the index keeps them."""

    key: str
    made: list[Any]
    components: str


class Receipts:
    """The file of one project; any number of processes may add to it at once."""

    def __init__(self, store: Path) -> None:
        self._path = store / FILE

    def add(self, receipt: Receipt) -> None:
        """Write a receipt, durably. Raises OSError."""
        make_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        try:
            line = json.dumps([receipt.key, receipt.made, receipt.components], ensure_ascii=False) + "\n"
            # One write, so that lines of several processes don't mix; a line cut short before is ended first.
            text = (b"" if _ends_whole(descriptor) else b"\n") + line.encode("utf-8", "surrogatepass")
            if os.write(descriptor, text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self._path.parent)  # also of a file that was there: whoever made it may have died before this

    def size_bytes(self) -> int:
        """How long the file is; 0 when there is none. Raises OSError."""
        try:
            return self._path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def read(self, start: int = 0) -> Iterator[tuple[Receipt, int]]:
        """The receipts from a byte on, oldest first, and where each ends. Raises OSError."""
        if not self.size_bytes():
            return
        with self._path.open("rb") as file:
            file.seek(start)
            for line in file:
                start += len(line)
                if line.endswith(b"\n") and (receipt := _receipt(line)):
                    yield receipt, start


def _ends_whole(descriptor: int) -> bool:
    if not os.fstat(descriptor).st_size:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)  # what is written goes to the end all the same
    return os.read(descriptor, 1) == b"\n"


def _receipt(line: bytes) -> Receipt | None:
    try:
        return read(line.decode("utf-8", "surrogatepass"), _sound)
    except ValueError:
        return None


def _sound(entry: Any) -> Receipt:
    key, made, components = listed(entry)
    result_of(made)
    read(components, parts_of)
    return Receipt(text(key), made, components)
