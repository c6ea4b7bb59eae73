"""Puts a report where it belongs, whole or not at all: built beside its place, then exchanged for the one before it."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wanflow.canon import JSON
from wanflow.errors import StoreError, UsageError, is_full, no_room, unwritable
from wanflow.store.blobs import write_whole

PAGE, DATA, PICTURES = "index.html", "data", "pictures"
# What a folder of ours may hold; anything else in it is somebody's own.
OURS = {PAGE, DATA, PICTURES, ".gitignore"}
MARK = b'<meta name="generator" content="wanflow report">'
_MARK_WITHIN = 4096
_BUILD = re.compile(r"\.wanflow-[0-9a-f]{16}\.(report|old)")
DAY_S = 86_400
_TRIES = 20


class Folder:
    """A report as a folder of files, while it is built."""

    def __init__(self, build: Path) -> None:
        self._build = build
        self._taken: set[str] = set()
        for name in (DATA, PICTURES):
            (build / name).mkdir(parents=True)

    def rows(self, page: int, rows: JSON) -> None:
        """Write a page of rows."""
        self._write(f"{DATA}/rows-{page:04}.js", f"wanflow.rows({page}, {_ascii(rows)});\n")

    def index(self, entries: JSON) -> None:
        """Write what filter and search look through."""
        self._write(f"{DATA}/index.js", f"wanflow.index({_ascii(entries)});\n")

    def page(self, pieces: Iterable[str]) -> None:
        """Write the page itself."""
        with (self._build / PAGE).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)

    def picture(self, kept: str) -> str:
        """Take a picture in; its address. Raises OSError."""
        address = address_of(kept)
        if address not in self._taken:
            self._taken.add(address)
            target = f"{self._build}/{address}"
            try:
                os.link(kept, target)
            except FileNotFoundError:
                raise
            except (OSError, NotImplementedError):  # another disk, or one without links
                shutil.copyfile(kept, target)
        return address

    def ignored(self) -> None:
        """Let git pass over it."""
        self._write(".gitignore", "*\n")

    def _write(self, name: str, text: str) -> None:
        (self._build / name).write_text(text, encoding="utf-8", newline="\n")


def _ascii(value: JSON) -> str:
    # ASCII, so that neither line separators nor lone surrogates mean anything to whoever reads the script.
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def address_of(kept: str) -> str:
    """The address of a picture in a report."""
    return f"{PICTURES}/{os.path.basename(kept)}"  # noqa: PTH119 - a text, as above


def data_uri(raw: bytes) -> str:
    """A WebP as a data URI."""
    return f"data:image/webp;base64,{base64.b64encode(raw).decode('ascii')}"


def require_replaceable(target: Path, *, single: bool) -> None:
    """See that there is nothing at a report's place, or a report. Raises UsageError."""
    try:
        if not os.path.lexists(target):
            return
        if single:
            if target.is_dir() or not _is_report(target):
                raise UsageError(f"{target} is there already, and no report; give another name with -o")
            return
        if not target.is_dir():
            raise UsageError(f"{target} is a file, and a report is a folder; give another name with -o")
        held = {path.name for path in target.iterdir()}
        if held and not _is_report(target / PAGE):
            raise UsageError(f"{target} is there already, and no report; give another folder with -o")
        if foreign := sorted(held - OURS):
            raise UsageError(f"{target} also holds {foreign[0]}, which is not of a report; move it away, or give -o")
    except OSError as error:
        raise StoreError(f"the report is not written: {unwritable(target, error)}") from error


def _is_report(page: Path) -> bool:
    try:
        with page.open("rb") as file:
            return MARK in file.read(_MARK_WITHIN)
    except (FileNotFoundError, IsADirectoryError):
        return False


@contextmanager
def building(target: Path) -> Iterator[Folder]:
    """A report that is built, and at the end takes the place of the one before it. Raises StoreError."""
    with _told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _tidy(target.parent)
        build = _beside(target, "report")
        build.mkdir()
        try:
            yield Folder(build)
            _exchange(build, target)
        finally:
            shutil.rmtree(build, ignore_errors=True)


def write_single(target: Path, pieces: Iterable[str]) -> None:
    """Write a report that is one file. Raises StoreError."""
    with _told(target):
        write_whole(target, (piece.encode() for piece in pieces))


@contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = no_room(target.parent, str(error.strerror)) if is_full(error) else unwritable(target.parent, error)
        raise StoreError(f"the report is not written: {why}") from error


def _beside(target: Path, kind: str) -> Path:
    return target.parent / f".wanflow-{secrets.token_hex(8)}.{kind}"


def _tidy(folder: Path) -> None:
    """Remove what died reports left behind."""
    with suppress(OSError):
        for path in folder.glob(".wanflow-*"):
            if _BUILD.fullmatch(path.name) and path.lstat().st_mtime < time.time() - DAY_S:
                shutil.rmtree(path, ignore_errors=True)


def _exchange(build: Path, target: Path) -> None:
    """Put a folder in another one's place. Two at once may both try: the last one stays, and each is whole."""
    for _ in range(_TRIES):
        old = None
        if target.exists():
            require_replaceable(target, single=False)  # somebody may have put something there meanwhile
            old = _beside(target, "old")
            try:
                target.rename(old)
            except FileNotFoundError:  # another report took it away
                continue
        try:
            build.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another report came first
                if old:
                    shutil.rmtree(old, ignore_errors=True)
                continue
            if old:
                old.rename(target)
            raise
        if old:
            shutil.rmtree(old, ignore_errors=True)
        return
    raise StoreError(f"the report is not written: others write to {target} all the time; try again")
