"""What pictures are judged by, as functions of their contents: measured once, and remembered in the index.

A plan takes what it finds there and measures the rest, which loads numpy and OpenCV; only a run writes it down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wanflow.model import Blob
from wanflow.store.blobs import Blobs, read_checked
from wanflow.store.index import Index

if TYPE_CHECKING:
    from wanflow.pixels.engine import Picture

# Name with version, and number of values, of what is remembered; the version rises when equal pictures give others.
LOOK, LIKENESS = ("look/1", 3), ("likeness/1", 2)
# Contrast below which a picture is blank. On a plain ground noise of sigma 3 gives .9, a dot of 20 px in 1024 5.0.
BLANK = 2.0
# Difference below which two pictures are the same. tests/photos saved anew as JPEG of quality 90 and more: at most 5.3;
# brightened by the draft engine (description_edit): 22.8 and more.
SAME = 6.0


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen in a picture alone; see `look.py` for what the numbers mean."""

    sharpness: float
    contrast: float
    alpha: bool


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is seen in a picture beside the one that it was made from."""

    similarity: float
    difference: float


class Measures:
    """The measures of one project's pictures. Methods raise EditError for a picture that can't be read."""

    def __init__(self, index: Index, blobs: Blobs) -> None:
        self._index, self._blobs = index, blobs
        self._paths: dict[str, Path] = {}
        self._looks: dict[str, Look] = {}
        self._likenesses: dict[tuple[str, str], Likeness] = {}
        self._fresh: dict[tuple[str, str, str], tuple[float, ...]] = {}

    def lies_at(self, blob: Blob, path: Path) -> None:
        """Where a picture lies that may not be in the store, such as a photograph of the user's."""
        self._paths[blob.sha256] = path

    # -- values

    def sharpness(self, blob: Blob) -> float:
        """The variance of the Laplacian at a longer side of 512 px; tests/photos have 231 to 1221, blurred 2 to 16."""
        return self._look(blob).sharpness

    def blank(self, blob: Blob) -> bool:
        """Whether a picture is of nearly one colour, or wholly transparent."""
        return self._look(blob).contrast < BLANK

    def alpha(self, blob: Blob) -> bool:
        """Whether a picture has transparent parts."""
        return self._look(blob).alpha

    def similarity(self, blob: Blob, base: Blob) -> float:
        """How like two pictures are in structure, 0 to 1 (SSIM at 256 px, see `look.similarity`).

        With tests/photos and the draft engine: saved anew or enlarged .99 and more, coloured .96 to .99, brightened
        .86 to .98, painted anew (stylization_all at strength .7) .47 to .76, line art .19 to .45, widened .35 to .69;
        of two different photographs .21 to .39.
        """
        return self._likeness(blob, base).similarity

    def same(self, blob: Blob, base: Blob) -> bool:
        """Whether two pictures show the same pixels, but for what saving them anew changes."""
        return blob.sha256 == base.sha256 or (blob.size == base.size and self._likeness(blob, base).difference < SAME)

    # -- at most once

    async def prepare(self, pairs: Iterable[tuple[Blob, Blob | None]]) -> None:
        """Measure what isn't known of pictures, alone or beside another, while the event loop serves others."""
        for blob, base in pairs:
            if base is None:
                if not self._known_look(blob):
                    self._note_look(blob, await asyncio.to_thread(self._looked, blob))
            elif not self._known_likeness(blob, base):
                self._note_likeness(blob, base, await asyncio.to_thread(self._compared, blob, base))

    def save(self) -> None:
        """Keep in the index what was measured. Raises StoreError."""
        self._index.keep_measures(self._fresh)
        self._fresh.clear()

    def _look(self, blob: Blob) -> Look:
        return self._known_look(blob) or self._note_look(blob, self._looked(blob))

    def _likeness(self, blob: Blob, base: Blob) -> Likeness:
        return self._known_likeness(blob, base) or self._note_likeness(blob, base, self._compared(blob, base))

    def _known_look(self, blob: Blob) -> Look | None:
        if blob.sha256 not in self._looks and (found := self._index.measure(*LOOK, blob.sha256)):
            sharpness, contrast, alpha = found
            self._looks[blob.sha256] = Look(sharpness, contrast, bool(alpha))
        return self._looks.get(blob.sha256)

    def _known_likeness(self, blob: Blob, base: Blob) -> Likeness | None:
        pair = blob.sha256, base.sha256
        if pair not in self._likenesses and (found := self._index.measure(*LIKENESS, *pair)):
            similarity, difference = found
            self._likenesses[pair] = Likeness(similarity, difference)
        return self._likenesses.get(pair)

    def _note_look(self, blob: Blob, look: Look) -> Look:
        self._looks[blob.sha256] = look
        self._fresh[LOOK[0], blob.sha256, ""] = astuple(look)
        return look

    def _note_likeness(self, blob: Blob, base: Blob, likeness: Likeness) -> Likeness:
        self._likenesses[blob.sha256, base.sha256] = likeness
        self._fresh[LIKENESS[0], blob.sha256, base.sha256] = astuple(likeness)
        return likeness

    # -- by their pixels, on whatever thread

    def _looked(self, blob: Blob) -> Look:
        from wanflow.judging import look  # late: it loads numpy and OpenCV

        picture = self._picture(blob)
        return Look(look.sharpness(picture), look.contrast(picture), look.alpha(picture))

    def _compared(self, blob: Blob, base: Blob) -> Likeness:
        from wanflow.judging import look

        picture, other = self._picture(blob), self._picture(base)
        return Likeness(look.similarity(picture, other), look.difference(picture, other))

    def _picture(self, blob: Blob) -> Picture:
        from wanflow.pixels import codec

        return codec.decode(read_checked(self.path(blob), blob.sha256))

    def path(self, blob: Blob) -> Path:
        """The file that holds a picture."""
        return self._paths.get(blob.sha256) or self._blobs.path(blob.sha256)
