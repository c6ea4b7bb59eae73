"""Small projects for tests: pictures made by arithmetic, a manifest, a recipe, and a listener that keeps everything."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wanflow import api
from wanflow.model import Outcome
from wanflow.planning.planned import Plan
from wanflow.record import RunRecord
from wanflow.running.listener import Usage

FIT = "small: {uses: local/fit, image: row.photo, with: {max_side: 48}}"
ROWS = "id,photo\n0001,a.png\n"
OUTPUT = 'small: {image: steps.small, to: "out/${{ row.id }}.png"}'


def gradient(width: int = 64, height: int = 48, seed: int = 0) -> np.ndarray:
    """A smooth (h, w, 3) picture without symmetry, so that a turned or mirrored one differs."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    channels = [x / width, y / height, (x / width + 2 * y / height + seed * 0.1) % 1]
    return np.rint(np.stack(channels, axis=-1) * 255).astype(np.uint8)


def coded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **settings: Any) -> bytes:
    """Pixels as bytes of an image file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def photo(seed: int = 0, width: int = 64, height: int = 48) -> bytes:
    """A whole PNG."""
    return coded(gradient(width, height, seed))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises any number of pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A whole JPEG whose frame header was changed to promise any number of pixels."""
    raw = bytearray(coded(gradient(), "JPEG"))
    frame = raw.index(b"\xff\xc0")
    raw[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(raw)


@dataclass
class Heard:
    """A listener that keeps what it is told."""

    outcomes: list[Outcome] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    published_paths: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    started_jobs: list[str] = field(default_factory=list)
    look: Callable[[], Usage] = Usage

    def began(self, look: Callable[[], Usage]) -> None:
        self.look = look

    def started(self, job: str, step: str) -> None:
        self.started_jobs.append(job)

    def passed(self) -> None: ...

    def finished(self, outcome: Outcome, step: str) -> None:
        self.outcomes.append(outcome)

    def published(self, path: str, kept: str) -> None:
        self.published_paths.append(path)
        if kept:
            self.kept.append((path, kept))

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass(frozen=True)
class Small:
    """A project folder with one recipe."""

    folder: Path

    @property
    def recipe(self) -> Path:
        return self.folder / "r.yaml"

    @property
    def store(self) -> Path:
        return self.folder / ".wanflow"

    def out(self, name: str) -> Path:
        return self.folder / "out" / name

    def outputs(self) -> dict[str, bytes]:
        """Every file below out/, by name."""
        return {path.name: path.read_bytes() for path in sorted((self.folder / "out").rglob("*")) if path.is_file()}

    def plan(self, **options: Any) -> Plan:
        return api.plan(self.recipe, api.Options(**options))

    def run(self, listener: Heard | None = None, **options: Any) -> RunRecord:
        _, record = api.run(self.recipe, api.Options(**options), listener=listener or Heard())
        assert record
        return record

    def command(self, *words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        """wanflow as a process of its own, in this folder."""
        command = [*WANFLOW, *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60, **settings)


WANFLOW: Sequence[str] = (sys.executable, "-m", "wanflow.cli")


def small_project(
    folder: Path,
    photos: Mapping[str, bytes] | None = None,
    *,
    steps: Sequence[str] = (FIT,),
    outputs: Sequence[str] = (OUTPUT,),
    jobs: int = 1,
) -> Small:
    """A project whose rows are photos: file name -> bytes; a row's id is the name without its ending."""
    photos = {f"{n}.png": photo(n) for n in (1, 2)} if photos is None else photos
    (folder / "photos").mkdir(parents=True)
    for name, raw in photos.items():
        (folder / "photos" / name).write_bytes(raw)
        os.utime(folder / "photos" / name, (1_700_000_000, 1_700_000_000))  # long ago, as photographs are
    (folder / "wanflow.toml").write_text(f"jobs = {jobs}\n", encoding="utf-8")
    lines = [f"{Path(name).stem},photos/{name}" for name in photos]
    (folder / "photos.csv").write_text("\n".join(["id,photo", *lines]) + "\n", encoding="utf-8")
    recipe = ["wanflow: 1", "name: small", "manifest: {from: photos.csv, key: id}"]
    recipe += ["steps:", *(f"  {step}" for step in steps), "outputs:", *(f"  {output}" for output in outputs)]
    (folder / "r.yaml").write_text("\n".join(recipe) + "\n", encoding="utf-8")
    return Small(folder)


def three_steps(folder: Path) -> Small:
    """Two rows; one step, one that takes it, and one that the first row skips."""
    return small_project(
        folder,
        {"1.png": photo(1), "2.png": photo(2)},
        steps=[
            "small: {uses: local/fit, image: row.photo, with: {max_side: 48}}",
            "tiny: {uses: local/fit, image: steps.small, with: {max_side: 8}}",
            'odd: {uses: local/fit, image: row.photo, when: row.id == "2", otherwise: skip, with: {max_side: 9}}',
        ],
        outputs=['tiny: {image: steps.tiny, to: "out/${{ row.id }}.png"}'],
    )


def statuses(record: RunRecord) -> dict[str, str]:
    """How each job ended, by row/step."""
    return {outcome.job: outcome.status.value for outcome in record.outcomes}


def pixels_of(raw: bytes) -> np.ndarray:
    """A picture file's pixels as (h, w, 3) of whole numbers that can be subtracted."""
    with Image.open(io.BytesIO(raw)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@contextlib.contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """What a full disk does to a write, without one: the system refuses it half-way (Python ignores the signal)."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Root may write anywhere until its right to override permissions is taken away (Linux: capabilities 1 and 2).
OBEDIENT = (
    sys.executable,
    "-c",
    "import ctypes, os, sys\n"
    "for right in (1, 2): os.geteuid() or ctypes.CDLL(None).prctl(24, right, 0, 0, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


def as_ordinary_user(project: Small, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*OBEDIENT, *WANFLOW, *words], cwd=project.folder, capture_output=True, text=True, timeout=60)


@functools.cache
def permissions_bind() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        look = "import os, sys; sys.exit(os.access(sys.argv[1], os.W_OK))"
        return subprocess.run([*OBEDIENT, sys.executable, "-c", look, folder]).returncode == 0


@contextlib.contextmanager
def permissions(path: Path, mode: int) -> Iterator[None]:
    if not permissions_bind():
        pytest.skip("nothing here makes root obey")
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)
