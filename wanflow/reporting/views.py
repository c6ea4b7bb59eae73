"""Small copies of pictures for a report: WebP, upright, in sRGB, on white; kept by content in .wanflow/thumbnails.

They are made in worker processes, so that a picture that fills the memory, or that a library dies of, is one without a
copy and nothing more.
"""

from __future__ import annotations

import asyncio
import io
import os
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wanflow.backends.workers import Workers
from wanflow.errors import EditError, unwritable
from wanflow.pictures.images import MAX_FILE_BYTES, open_image, reading
from wanflow.store.blobs import DIGEST, read_checked
from wanflow.store.upkeep import THUMBNAILS

if TYPE_CHECKING:
    from PIL import Image

# Longer sides, and how much is given for quality (of 100) at each.
SMALL, LARGE = 320, 1280
QUALITY = {SMALL: 74, LARGE: 80}
DEADLINE_S = 120.0
_WHY = {
    "InputMissing": "not here any more",
    "InputChanged": "its file is another one by now",
    "ImageTooLarge": "too large to show",
    "OutOfMemory": "too large to show",
    "Deadline": "too large to show",
    "WorkerDied": "it can't be shown: what reads it died",
}


@dataclass
class Views:
    """The copies that are kept of one project's pictures. `faults` says by digest why one has none."""

    folder: Path
    workers: Workers
    faults: dict[str, str] = field(default_factory=dict)
    made: int = 0

    @classmethod
    def of(cls, store: Path, workers: Workers) -> Views:
        """Those of a project's store."""
        return cls(store / THUMBNAILS, workers)

    def path(self, sha256: str, side: int) -> str:
        """Where the copy of a picture lies, whether or not it is there; a text, since a report asks for thousands."""
        return f"{self.folder}/{sha256[:2]}/{sha256}-{side}.webp"

    def size(self, sha256: str) -> tuple[int, int]:
        """Width and height of a picture's small copy, for the shape of one whose own size isn't known."""
        from PIL import Image

        with Image.open(self.path(sha256, SMALL)) as image:
            return image.size

    def make(self, wanted: Mapping[str, Sequence[str]], sides: Collection[int] = (SMALL, LARGE)) -> None:
        """Make what isn't there yet of these pictures, which lie at one of these paths each. Raises EditError where
        nothing can be written.
        """
        missing = {sha256: paths for sha256, paths in wanted.items() if self._is_missing(sha256, sides)}
        if missing:
            asyncio.run(self._make_all(missing))

    def _is_missing(self, sha256: str, sides: Collection[int]) -> bool:
        if sha256 in self.faults:
            return False
        if not DIGEST.fullmatch(sha256):
            self.faults[sha256] = "not known"
            return False
        return not all(_is_whole(self.path(sha256, side)) for side in sides)

    async def _make_all(self, missing: Mapping[str, Sequence[str]]) -> None:
        waiting = iter(missing.items())

        async def some() -> None:
            for sha256, paths in waiting:
                await self._make(sha256, paths)

        await asyncio.gather(*(some() for _ in range(self.workers.slots)))

    async def _make(self, sha256: str, paths: Sequence[str]) -> None:
        path = next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113 - texts, as above
        if path is None:
            self.faults[sha256] = _WHY["InputMissing"]
            return
        targets = [(side, self.path(sha256, side)) for side in (LARGE, SMALL)]
        try:
            await self.workers.do(keep, path, sha256, targets, deadline_s=DEADLINE_S, too_slow="")
            self.made += 1
        except EditError as error:
            if error.code == "StoreNotWritten":
                raise
            self.faults[sha256] = _WHY.get(error.code, "damaged: it can't be shown")


def _is_whole(path: str) -> bool:
    """Whether a file is a WebP of the length that it says; a power cut may have left less of it."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            length = os.fstat(file.fileno()).st_size
    except OSError:
        return False
    return head[:4] == b"RIFF" and head[8:] == b"WEBP" and int.from_bytes(head[4:8], "little") + 8 == length


def keep(path: str, sha256: str, targets: Iterable[tuple[int, str]]) -> None:
    """Write the copies of the picture in a file that has this digest; runs in a worker. Raises EditError."""
    try:
        if Path(path).stat().st_size > MAX_FILE_BYTES:
            raise EditError("ImageTooLarge", "the file is too large")
        sides = dict(targets)
        for side, raw in copies(read_checked(Path(path), sha256), [*sides]).items():
            _write(Path(sides[side]), raw)
    except MemoryError as error:
        raise EditError("OutOfMemory", "the picture is too large for this machine's memory") from error
    except OSError as error:
        raise EditError("StoreNotWritten", unwritable(Path(path), error)) from error


def _write(target: Path, raw: bytes) -> None:
    # Nothing is lost with one, so none is waited for until it is on the disk.
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f".wanflow-{secrets.token_hex(8)}.part"
    try:
        part.write_bytes(raw)
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def copies(raw: bytes, sides: Sequence[int]) -> dict[int, bytes]:
    """WebPs of at most so many pixels a side, each not larger than the picture. Raises EditError."""
    from PIL import Image, ImageOps

    from wanflow.pixels import codec  # late: it loads numpy

    found: dict[int, bytes] = {}
    with open_image(raw) as opened, reading("ImageDamaged", "the image is damaged"):
        opened.draft(None, (max(sides), max(sides)))  # a JPEG is decoded at an eighth of its size where that is enough
        image = codec.eight_bit(ImageOps.exif_transpose(opened))
        clear = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
        if clear:
            image = _kept_profile(image, "RGBA")
        elif image.mode not in ("RGB", "L", "CMYK"):
            image = _kept_profile(image, "RGB")
        for side in sorted(sides, reverse=True):
            image.thumbnail((side, side), reducing_gap=2.0)
            small = Image.fromarray(codec.srgb(image))
            if clear:
                white = Image.new("RGB", small.size, "white")
                small = Image.composite(small, white, image.getchannel("A"))
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=QUALITY.get(side, 80), method=4)
            found[side] = buffer.getvalue()
    return found


def _kept_profile(image: Image.Image, mode: str) -> Image.Image:
    made = image.convert(mode)
    made.info["icc_profile"] = image.info.get("icc_profile")
    return made
