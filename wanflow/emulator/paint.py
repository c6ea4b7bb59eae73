"""Who makes the emulator's images: the draft engine in worker processes, or an echo of the input for protocol tests."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wanflow.backends.workers import Workers
from wanflow.functions.catalog import Function, functions
from wanflow.functions.sizes import Size
from wanflow.model import Call
from wanflow.store.blobs import Blobs


@dataclass(frozen=True, slots=True)
class Commission:
    """One image that is wanted: of which function, from which image bytes by slot, how large, by which seed."""

    function: str
    prompt: str
    negative_prompt: str
    parameters: Mapping[str, Any]
    images: Mapping[str, bytes]
    size: Size
    seed: int


class Painter(Protocol):
    """Makes images as PNG bytes without holding up the event loop."""

    async def paint(self, commission: Commission) -> bytes:
        """The image. Raises EditError."""

    def close(self) -> None:
        """Give back what it holds."""


class Echo:
    """Returns the base image at the wanted size under a line of text: the right shape in a few milliseconds."""

    async def paint(self, commission: Commission) -> bytes:
        """The image."""
        return await asyncio.to_thread(echo, commission)

    def close(self) -> None:
        """Nothing is held."""


def echo(commission: Commission) -> bytes:
    """The base image (else grey) at the commission's size with its seed written on it, as PNG bytes."""
    import cv2
    import numpy as np

    width, height = commission.size
    base = next(iter(commission.images.values()), None)
    pixels = None if base is None else cv2.imdecode(np.frombuffer(base, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        pixels = np.full((height, width, 3), 128, np.uint8)
    if pixels.shape[:2] != (height, width):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_NEAREST)
    pixels[: min(height, 24)] = 0
    cv2.putText(pixels, f"ECHO {commission.seed}", (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return bytes(cv2.imencode(".png", pixels, _quick_png())[1])


def _quick_png() -> list[int]:
    """OpenCV's settings for half the time at a tenth more bytes; the filter can be chosen since OpenCV 4.12."""
    import cv2

    settings = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):
        settings += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
    return settings


class Draft:
    """wanflow's own engine, a process per slot."""

    def __init__(self, slots: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="wanflow-emulator-")
        self._blobs = Blobs(Path(self._folder.name))
        self._workers = Workers(slots, self._blobs.root)
        self._free = asyncio.Semaphore(slots)

    async def paint(self, commission: Commission) -> bytes:
        """The image. Raises EditError."""
        async with self._free:
            result = await self._workers.perform(await asyncio.to_thread(self._call, commission))
        return await asyncio.to_thread(self._taken, result.blobs[0].sha256)

    def close(self) -> None:
        """End the workers and remove their files."""
        self._workers.close()
        self._folder.cleanup()

    def _call(self, commission: Commission) -> Call:
        function = functions()[commission.function]
        inputs = {slot: (data, hashlib.sha256(data).hexdigest()) for slot, data in commission.images.items()}
        for data, _ in inputs.values():
            self._blobs.put(data)
        places = {slot: (str(self._blobs.path(sha256)), sha256) for slot, (_, sha256) in inputs.items()}
        return Call("", function.name, _parameters(function, commission), places)

    def _taken(self, sha256: str) -> bytes:
        data = self._blobs.read(sha256)
        self._blobs.discard(sha256)
        return data


def _parameters(function: Function, commission: Commission) -> dict[str, Any]:
    """The engine's parameters: the function's defaults, under what was asked."""
    width, height = commission.size
    asked = {
        **commission.parameters,
        "prompt": commission.prompt,
        "negative_prompt": commission.negative_prompt,
        "seed": commission.seed,
        "size": f"{width}*{height}",
    }
    defaults = {name: rule["default"] for name, rule in function.properties.items() if "default" in rule}
    return {**defaults, **{name: value for name, value in asked.items() if name in function.properties}}
