"""The work on a task: fetch its images, judge them, have the results painted, store them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from wanflow.emulator import rules
from wanflow.emulator.exchange import Refusal, error_entry, refusal
from wanflow.emulator.paint import Commission, Painter
from wanflow.emulator.storage import Storage
from wanflow.emulator.tasks import Item, Outcome, Task, failure
from wanflow.errors import EditError
from wanflow.functions.catalog import Model
from wanflow.functions.sizes import Size
from wanflow.model import Blob
from wanflow.pictures.images import MAX_PIXELS, describe, open_image

# The bytes behind a public URL, at most so many. Raises OSError when they can't be had.
Fetch = Callable[[str, int], Awaitable[bytes]]
_ALPHA = ("RGBA", "LA", "PA")


class Studio:
    """Works on tasks of one region's models."""

    def __init__(self, storage: Storage, painter: Painter, fetch: Fetch) -> None:
        self._storage, self._painter, self._fetch = storage, painter, fetch

    async def outcome(self, task: Task, model: Model, now: float) -> Outcome:
        """What comes of a task. Anything wrong with the request is a failure, in the provider's words."""
        try:
            return await self._made(task, model, now)
        except Refusal as error:
            return failure(error.code, error.message)
        except EditError as error:
            return failure("InternalError.Algo", f"{error_entry('InternalError.Algo')['messages'][0]} ({error})")

    async def _made(self, task: Task, model: Model, now: float) -> Outcome:
        if task.order.refused:
            raise Refusal(*task.order.refused)
        if fate := task.fate.get("failed"):
            code = fate["code"] or "InternalError"
            raise Refusal(code, fate["message"] or error_entry(code)["messages"][0])
        images = {slot: await self._image(task, url, now) for slot, url in task.order.images}
        size = await asyncio.to_thread(_judged, model, task, images)
        wanted = task.n - _missing(task)
        painted = [await self._painter.paint(_commission(task, images, size, place)) for place in range(wanted)]
        return Outcome(tuple(self._items(task, painted, now)), size=f"{size[0]}*{size[1]}")

    def _items(self, task: Task, painted: list[bytes], now: float) -> list[Item]:
        names = [f"results/{task.id}/{place}.png" for place in range(len(painted))]
        for name, data in zip(names, painted, strict=True):
            self._storage.put_result(name, data, now)
        fate = task.fate.get("partial") or {}
        code = fate.get("code") or "InternalError.Timeout"
        lost = Item(code=code, message=fate.get("message") or error_entry(code)["messages"][0])
        return [*(Item(name) for name in names), *[lost] * (task.n - len(painted))]

    async def _image(self, task: Task, url: str, now: float) -> bytes:
        if url.startswith("data:"):
            return _decoded(url)
        if url.startswith("oss://"):
            found = self._storage.resolved(url, task.model, now) if task.order.resolve else None
        else:
            found = self._storage.linked(url, now) or await self._fetched(url)
        if found is None:
            raise refusal("InvalidParameter.DataInspection")
        return found

    async def _fetched(self, url: str) -> bytes | None:
        try:
            return await self._fetch(url, 4 * 10485760)
        except OSError:
            return None


def _decoded(uri: str) -> bytes:
    try:
        return base64.b64decode(uri.partition(",")[2])
    except ValueError as error:
        raise refusal("InvalidParameter", "Invalid image format") from error


def _missing(task: Task) -> int:
    """How many images a partial failure takes; at least one comes through."""
    fate = task.fate.get("partial")
    return min(fate["images"], task.n - 1) if fate else 0


def _judged(model: Model, task: Task, images: Mapping[str, bytes]) -> Size:
    """The size of the results, when the inputs are as they must be. Raises Refusal."""
    if images:
        known = {slot: _described(raw) for slot, raw in images.items()}
        rules.check_images(model, known)
        base = [blob for slot, (blob, _) in known.items() if slot != "mask"][-1]
        size = rules.made_size(model, task.order, base.size)
    else:
        size = rules.made_size(model, task.order, None)
    if size[0] * size[1] > MAX_PIXELS:
        raise refusal("InternalError.Algo")
    return size


def _described(raw: bytes) -> tuple[Blob, bool]:
    try:
        blob = describe(raw)
        with open_image(raw) as image:
            return blob, image.mode in _ALPHA or "transparency" in image.info
    except EditError as error:
        text = "image format error" if error.code == "ImageFormat" else "Invalid image format"
        raise refusal("InvalidParameter", text) from error


def _commission(task: Task, images: Mapping[str, bytes], size: Size, place: int) -> Commission:
    order = task.order
    name = order.function or ("i2i" if images else "t2i")
    seed = order.parameters.get("seed")
    if seed is None:
        seed = int.from_bytes(hashlib.sha256(task.id.encode()).digest()[:4], "big") % (1 << 31)
    # Several images of one task use seed, seed + 1, …
    seed = (seed + place) % (1 << 31)
    return Commission(f"wan/{name}", order.prompt, order.negative_prompt, order.parameters, images, size, seed)


def without_images(task: Task) -> None:
    """Forget the inputs of a task that has been worked on: data URIs are large, and never looked at again."""
    task.order = replace(task.order, images=())
