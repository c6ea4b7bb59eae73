"""What an edit is to the pixel engine: arrays in, arrays out, and one table of the functions that can do it.

A function registers itself with ``@edit("wan/colorization")``; its engine version and fidelity stand in
``schemas/functions/*.json``, because a plan needs them and must not import numpy. Nothing here reads files.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wanflow.pixels.ai_label import labelled

Array = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

# Seeds run from 0 to 2147483647, as the service's do; the last is followed by the first.
SEEDS = 1 << 31

# A worker owns one core: threads inside it only fight the other workers (OpenBLAS spinning cost 10x when measured).
cv2.setNumThreads(1)


class Fidelity(StrEnum):
    """How far an edit can be trusted to look like the real model's."""

    REAL = "real"
    APPROXIMATE = "approximate"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Picture:
    """An sRGB image: `rgb` (h, w, 3) uint8, `alpha` (h, w) uint8 or None; not `lossless` after JPEG coding.

    `exif` is the EXIF data of the file that it was read from, as it stood there.
    """

    rgb: Array
    alpha: Array | None = None
    lossless: bool = True
    exif: bytes = b""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]


@dataclass(frozen=True, slots=True)
class Hint:
    """Where the subject is, as a person says it: within `region` (left, top, right, bottom in pixels of the base
    image), or exactly the (h, w) bool `mask`, which is brought to the base's size.
    """

    region: tuple[int, int, int, int] | None = None
    mask: Bools | None = None


@dataclass(frozen=True, slots=True)
class EditRequest:
    """One image wanted from one function: inputs, resolved parameters (defaults filled in) and the candidate's seed.

    The real model finds its subject by itself; `hint` steers the draft engine only. `size` is the size rule of the
    model that the picture stands in for, where that has one of its own.
    """

    function: str
    images: Sequence[Picture]
    mask: Picture | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    hint: Hint = Hint()
    size: Mapping[str, Any] | None = None

    @property
    def image(self) -> Picture:
        """The base image."""
        return self.images[0]

    @property
    def prompt(self) -> str:
        """The prompt, or empty text."""
        return str(self.parameters.get("prompt") or "")


@dataclass(frozen=True, slots=True)
class Coding:
    """The file that a picture is stored as: a format, the quality where it has one (None: the usual), an ICC profile
    that colours are converted to, and EXIF data; empty bytes for none.
    """

    format: str = "PNG"
    quality: int | None = None
    profile: bytes = b""
    exif: bytes = b""


@dataclass(frozen=True, slots=True)
class Edited:
    """The picture made, how much it can be trusted, and what the user should know about it.

    `free` is what a stamp leaves of the picture: left, top, right, bottom in pixels; None for all of it. `coding` is
    how it is to be stored.
    """

    picture: Picture
    fidelity: Fidelity
    warnings: tuple[str, ...] = ()
    free: tuple[int, int, int, int] | None = None
    coding: Coding = Coding()


BLACK_HINT = "the hint's mask has no white, so it was not used"

EditFunction = Callable[[EditRequest], Edited]
Foresight = Callable[[Mapping[str, Any]], Fidelity]
_functions: dict[str, EditFunction] = {}
_foresights: dict[str, Foresight] = {}


def edit(name: str, *, foresee: Foresight | None = None) -> Callable[[EditFunction], EditFunction]:
    """Register a pure function (request -> Edited) under its recipe name, e.g. ``wan/expand``.

    Where fidelity depends on the parameters, `foresee` tells the best that can come of them, without a picture.
    """

    def register(function: EditFunction) -> EditFunction:
        _functions[name] = function
        if foresee:
            _foresights[name] = foresee
        return function

    return register


def functions() -> Mapping[str, EditFunction]:
    """Every registered function by name; imports all modules of this package once."""
    _import_all()
    return _functions


@cache
def _import_all() -> None:
    package = import_module(__package__ or "wanflow.pixels")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")


def foreseen(function: str, parameters: Mapping[str, Any]) -> Fidelity | None:
    """The best fidelity that can come of these parameters, or None where the function alone decides it."""
    _import_all()
    foresee = _foresights.get(function)
    return foresee(parameters) if foresee else None


def apply(request: EditRequest) -> Edited:
    """Perform one edit; each warning is told once, and with `watermark` the picture is labelled as generated.

    A hint's mask without white is as none.

    Raises KeyError for a function that does not run here.
    """
    unused = request.hint.mask is not None and not request.hint.mask.any()
    if unused:
        request = replace(request, hint=replace(request.hint, mask=None))
    edited = functions()[request.function](request)
    said = ((BLACK_HINT,) if unused else ()) + edited.warnings
    edited = replace(edited, warnings=tuple(dict.fromkeys(said)))
    if not request.parameters.get("watermark"):
        return edited
    rgb, alpha = labelled(edited.picture.rgb, edited.picture.alpha, edited.free)
    return replace(edited, picture=replace(edited.picture, rgb=rgb, alpha=alpha))


def candidates(request: EditRequest, n: int) -> list[Edited]:
    """`n` pictures for one request, by its seed and the seeds that follow; told apart or said to be the same.

    An edit whose second picture is the first again doesn't listen to the seed, so it is not repeated.
    """
    made = [apply(request)]
    while len(made) < n:
        made.append(apply(replace(request, seed=(request.seed + len(made)) % SEEDS)))
        if len(made) == 2 and _same(made[0].picture, made[1].picture):
            said = f"this edit has no randomness here, so the {n} pictures are the same"
            return [replace(made[0], warnings=(*made[0].warnings, said))] * n
    return made


def _same(one: Picture, other: Picture) -> bool:
    if one.alpha is None or other.alpha is None:
        return one.alpha is other.alpha and np.array_equal(one.rgb, other.rgb)
    return np.array_equal(one.rgb, other.rgb) and np.array_equal(one.alpha, other.alpha)
