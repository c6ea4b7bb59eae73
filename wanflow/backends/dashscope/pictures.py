"""How a call's pictures get to the service: a URL as it is, a small file within the request, a large one uploaded.

Uploads lie there for 48 hours, for the account and one model; each picture is uploaded once in that time, under its
digest, so that two files of one name never meet.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from wanflow.backends.dashscope.connection import Answer, Connection
from wanflow.backends.dashscope.upright import pure, upright
from wanflow.clock import Clock
from wanflow.errors import Again, EditError
from wanflow.model import Call
from wanflow.store.blobs import read_checked
from wanflow.store.uploads import Remembered, Uploads
from wanflow.wire import answers, requests
from wanflow.wire.verdicts import Phase

# One data URI may have 10485760 bytes, and base64 makes four of three: the provider advises less than 7 MB. Whether a
# request has a limit of its own is not said, so its pictures share that room.
INLINE_BYTES = 7_000_000
KEPT = timedelta(hours=47)
POLICY_MARGIN_S = 30.0
_MASK = "mask"
_URLS = ("http://", "https://", "oss://", "data:")
_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG", "png"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"RIFF", "webp"),
)


@dataclass(frozen=True, slots=True)
class _Picture:
    slot: str
    name: str
    data: bytes

    @property
    def kind(self) -> str:
        return next((kind for magic, kind in _MAGIC if self.data.startswith(magic)), "png")

    @property
    def media_type(self) -> str:
        return f"image/{self.kind}"


class Pictures:
    """Makes a URL of every picture of a call."""

    def __init__(self, connection: Connection, clock: Clock, uploads: Uploads | None = None) -> None:
        self._connection, self._clock = connection, clock
        self._uploads = uploads or Remembered()
        self._policies: dict[str, tuple[answers.Policy, float]] = {}
        self._policy_locks: dict[str, asyncio.Lock] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def urls(self, call: Call, slots: Sequence[str], name: str, rules: Mapping[str, Any]) -> dict[str, str]:
        """URLs by slot, in the order of `slots`; `name` is the model's in its region, `rules` are those for its
        pictures. Raises EditError, StoreError.
        """
        given = {slot: call.inputs[slot][0] for slot in slots if call.inputs[slot][0].startswith(_URLS)}
        files = [await _read(slot, *call.inputs[slot], rules) for slot in slots if slot not in given]
        room = INLINE_BYTES
        for picture in sorted(files, key=lambda picture: len(picture.data)):
            room -= len(picture.data)
            given[picture.slot] = _inline(picture) if room >= 0 else await self._uploaded(picture, name)
        return {slot: given[slot] for slot in slots}

    async def forget(self, call: Call, name: str) -> None:
        """Upload a call's pictures anew next time, and elsewhere, as nothing is written over. Raises StoreError."""
        for slot, (_, sha256) in call.inputs.items():
            if await self._uploads.forget(name, _named(slot, sha256)):
                self._policies.pop(name, None)

    async def _uploaded(self, picture: _Picture, name: str) -> str:
        async with self._locks.setdefault((name, picture.name), asyncio.Lock()):
            known = await self._uploads.find(name, picture.name)
            if known and known[1] > self._clock.now():
                return known[0]
            url = await self._upload(picture, name)
            await self._uploads.keep(name, picture.name, url, self._clock.now() + KEPT)
            return url

    async def _upload(self, picture: _Picture, name: str) -> str:
        for fresh in (False, True):
            policy = await self._policy(name, fresh)
            if len(picture.data) > policy.max_bytes:
                raise EditError("UploadRefused", f"the picture has over {policy.max_bytes // 1_000_000} MB")
            filename = f"{picture.name}.{picture.kind}"
            form = requests.upload_form(policy, filename, picture.media_type)
            answer = await self._connection.upload(policy.host, form, filename, picture.media_type, picture.data)
            # 409: the picture lies there already, from an upload whose answer was lost; its name is its digest.
            if answer.status in (200, 204, 409):
                return f"oss://{requests.upload_key(policy, filename)}"
            if answer.status != 403:
                break
        raise _refused(answer)

    async def _policy(self, name: str, fresh: bool) -> answers.Policy:
        async with self._policy_locks.setdefault(name, asyncio.Lock()):
            known = self._policies.get(name)
            if known and not fresh and known[1] > self._clock.monotonic():
                return known[0]
            asked = self._clock.monotonic()
            policy = answers.policy(await self._connection.ask(requests.policy(name), Phase.QUERY))
            self._policies[name] = (policy, asked + policy.expires_s - POLICY_MARGIN_S)
            return policy


async def _read(slot: str, path: str, sha256: str, rules: Mapping[str, Any]) -> _Picture:
    def work() -> bytes:
        data = read_checked(Path(path), sha256)
        if slot == _MASK:
            return pure(data, max_bytes=rules["max_bytes"])
        return upright(data, opaque=not rules.get("alpha", True), max_bytes=rules["max_bytes"])

    return _Picture(slot, _named(slot, sha256), await asyncio.to_thread(work))


def _named(slot: str, sha256: str) -> str:
    """What a picture is called by its content; a mask may be sent otherwise than the same file as an image."""
    return f"{sha256}-{slot}" if slot == _MASK else sha256


def _inline(picture: _Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"


def _refused(answer: Answer) -> EditError:
    again = Again.SOON if answer.status >= 500 or answer.status in (408, 429) else Again.NEVER
    return EditError("UploadRefused", f"the upload of a picture was refused with HTTP {answer.status}", again)
