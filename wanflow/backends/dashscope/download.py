"""Fetches the pictures that tasks made into the store: streamed, limited, checked, and tried again.

The pictures are paid for, so a failure here is never a reason to make them once more: it is labelled UNSURE, and the
task can be collected again while the provider keeps it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from wanflow.backends.dashscope.connection import Connection
from wanflow.clock import Clock
from wanflow.errors import Again, EditError, quoted, unwritable
from wanflow.links.urls import announced_bytes
from wanflow.model import Blob
from wanflow.pictures.images import describe, require_sound
from wanflow.store.blobs import Blobs

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 100_000_000
ATTEMPTS = 5
DELAY_S = 1.0
AT_ONCE = 4
_GONE = (403, 404, 410)
_NO_PICTURES = ("text/", "application/json", "application/xml")


class UnusableError(EditError):
    """What came, came whole, and is no picture that can be used."""

    def __init__(self, why: str) -> None:
        super().__init__("DownloadFailed", f"the picture can't be fetched: {why}", Again.UNSURE)


# Asks for the picture's URL anew: signed URLs expire, and a query signs them again.
Fresh = Callable[[], Awaitable[str]]


class Downloads:
    """Puts pictures into the store."""

    def __init__(self, connection: Connection, store: Path, clock: Clock, random: Random) -> None:
        self._connection, self._clock, self._random = connection, clock, random
        self._blobs = Blobs(store)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, url: str, fresh: Fresh | None) -> Blob:
        """The stored picture behind a URL. Raises EditError: UNSURE, or LOST when there is no fresh URL to be had."""
        attempt = 1
        while True:
            try:
                async with self._turns:
                    return await self._once(url)
            except EditError as error:
                if attempt == ATTEMPTS or error.code == "StoreNotWritten":
                    raise
                gone = error.code == "ResultGone"
                if gone and fresh is None:
                    raise EditError(error.code, error.message, Again.LOST) from error
            await self._clock.sleep(DELAY_S * 2 ** (attempt - 1) * (1 + self._random.random() / 4))
            if gone and fresh:
                url = await fresh()
            attempt += 1

    async def _once(self, url: str) -> Blob:
        with _writing(self._blobs.root):
            part = self._blobs.part()
        try:
            sha256 = await self._stream(url, part)
            with _writing(self._blobs.root):
                return await asyncio.to_thread(self._keep, part, sha256)
        finally:
            part.unlink(missing_ok=True)

    async def _stream(self, url: str, part: Path) -> str:
        digest, size = hashlib.sha256(), 0
        async with self._connection.download(url) as response:
            expected = _expected_bytes(response)
            # What breaks in the network comes as an EditError, so an OSError is the disk's.
            with _writing(self._blobs.root), part.open("xb") as file:
                async for piece in self._connection.pieces(response):
                    size += len(piece)
                    _require_size(size)
                    digest.update(piece)
                    file.write(piece)
        if expected not in (None, size):
            raise _failed(f"{size} of {expected} bytes came")
        return digest.hexdigest()

    def _keep(self, part: Path, sha256: str) -> Blob:
        raw = part.read_bytes()
        try:
            require_sound(raw)
            blob = describe(raw)
        except EditError as error:
            raise UnusableError(error.message) from error
        self._blobs.adopt(part, sha256)
        return blob


@contextmanager
def _writing(store: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EditError("StoreNotWritten", unwritable(store, error), Again.UNSURE) from error


def _expected_bytes(response: httpx.Response) -> int | None:
    """How long the body must be, None when that isn't said; refuses what is no picture by its head."""
    if response.status_code in _GONE:
        message = f"its URL answers with HTTP {response.status_code}; it may have expired"
        raise EditError("ResultGone", f"the picture can't be fetched: {message}", Again.UNSURE)
    if response.status_code != 200:
        raise _failed(f"its URL answers with HTTP {response.status_code}")
    kind = response.headers.get("content-type", "")
    if kind.startswith(_NO_PICTURES):
        raise _failed(f"what came is no picture but {quoted(kind)}")
    # Of a compressed body the header tells another length than the one we count.
    if "content-encoding" in response.headers:
        return None
    size = announced_bytes(response.headers.get("content-length", ""))
    _require_size(size or 0)
    return size


def _require_size(size: int) -> None:
    if size > MAX_BYTES:
        raise UnusableError(f"it has over {MAX_BYTES // 1_000_000} MB")


def _failed(why: str) -> EditError:
    return EditError("DownloadFailed", f"the picture can't be fetched: {why}", Again.UNSURE)
