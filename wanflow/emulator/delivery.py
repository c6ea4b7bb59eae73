"""Sends a response the way its faults want it. Cutting a connection needs the server's transport (see server.py)."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import Transport
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate

from starlette.types import Receive, Scope, Send

from wanflow.emulator.exchange import Ending, Response

EXTENSION = "wanflow.transport"
_PIECES = 20


class Delivery:
    """An ASGI response. Without a transport (in process) a cut connection is a ConnectionResetError.

    Once `closing` is set nothing is held back any more, so that the server can end.
    """

    def __init__(self, response: Response, now: Callable[[], float], speed: float, closing: asyncio.Event) -> None:
        self._response, self._now, self._speed, self._closing = response, now, speed, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Deliver."""
        response = self._response
        await self._pause(response.delay_s / self._speed)
        transport = scope.get("extensions", {}).get(EXTENSION)
        if response.ending is Ending.HANG:
            await self._given_up(receive)
        if response.ending in (Ending.HANG, Ending.RESET):
            return await _reset(transport, receive)
        headers = [
            (b"date", formatdate(self._now(), usegmt=True).encode()),
            (b"content-type", response.media_type.encode()),
            (b"content-length", str(len(response.body)).encode()),
            *((name.encode(), value.encode()) for name, value in response.headers.items()),
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if response.ending is Ending.TRUNCATED:
            half = response.body[: len(response.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            return await _cut(transport, receive)
        await self._body(send)
        return None

    async def _body(self, send: Send) -> None:
        body, pause = self._response.body, self._response.drip_s / self._speed / _PIECES
        if pause:
            step = max(1, len(body) // _PIECES)
            for start in range(0, len(body), step):
                await send({"type": "http.response.body", "body": body[start : start + step], "more_body": True})
                await self._pause(pause)
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _pause(self, seconds: float) -> None:
        if seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    async def _given_up(self, receive: Receive) -> None:
        """Wait until the client has had enough, or the server ends."""
        waiting = [asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(self._closing.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for future in waiting:
            future.cancel()


async def _gone(receive: Receive) -> None:
    """Wait until the connection is no more."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reset(transport: Transport | None, receive: Receive) -> None:
    if transport is None:
        raise ConnectionResetError("the emulator reset the connection, as a fault wants it")
    if transport.is_closing():
        return  # the client was quicker
    # Without lingering the kernel sends RST instead of a polite end.
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _gone(receive)


async def _cut(transport: Transport | None, receive: Receive) -> None:
    if transport is None:
        raise ConnectionResetError("the emulator cut the connection, as a fault wants it")
    transport.close()
    await _gone(receive)
