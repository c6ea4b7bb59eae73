"""The emulator on a socket: uvicorn, with a way for faults to cut a connection."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from wanflow.emulator.app import Emulator
from wanflow.emulator.delivery import EXTENSION
from wanflow.emulator.options import Options
from wanflow.emulator.stats import figures
from wanflow.errors import UsageError, describe_os_error
from wanflow.functions.catalog import Protocol, offered, regions


class Cuttable(H11Protocol):
    """uvicorn's HTTP protocol that tells the application its transport, so that it can be cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Put the transport into the scope of every request on this connection."""
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), EXTENSION: transport}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = with_transport


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError in words when the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        remedy = "choose another --port, or 0 for any that is free"
        raise UsageError(f"can't listen on {host}:{port}: {describe_os_error(error)}; {remedy}") from error
    return listener


class Server(uvicorn.Server):
    """uvicorn that ends at a signal without raising it again: here Ctrl-C is how one stops."""

    def __init__(self, emulator: Emulator) -> None:
        settings: dict[str, Any] = {"http": Cuttable, "ws": "none", "lifespan": "off", "log_level": "warning"}
        super().__init__(
            uvicorn.Config(emulator, **settings, access_log=False, date_header=False, timeout_graceful_shutdown=1)
        )
        self._emulator = emulator

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the connections, also those that faults hold."""
        self._emulator.let_go()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave at the first signal in order, at the second at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(options: Options, listener: socket.socket, greet: Callable[[str], None]) -> dict[str, Any]:
    """Greet, and serve until Ctrl-C; the figures of /__emulator__/stats at the end.

    Raises UsageError for an unusable state, and greets nobody then.
    """
    return asyncio.run(_serve(options, listener, lambda server: greet(greeting(options, listener))))


async def _serve(
    options: Options, listener: socket.socket, ready: Callable[[uvicorn.Server], None] = lambda server: None
) -> dict[str, Any]:
    emulator = Emulator(options)
    server = Server(emulator)
    emulator.start()
    try:
        ready(server)
        await server.serve(sockets=[listener])
        return figures(emulator.service, emulator.clock.now())
    finally:
        await emulator.aclose()


@contextmanager
def running(options: Options) -> Iterator[str]:
    """The emulator on a free port, in a thread of its own, for tests and benchmarks: its origin, http://host:port.

    Raises UsageError for an unusable state.
    """
    listener = bound("127.0.0.1", 0)
    began: SimpleQueue[uvicorn.Server | UsageError] = SimpleQueue()

    def work() -> None:
        try:
            asyncio.run(_serve(options, listener, began.put))
        except UsageError as error:
            began.put(error)

    thread = threading.Thread(target=work)
    thread.start()
    server = began.get()
    try:
        if isinstance(server, UsageError):
            raise server
        yield origin_of(listener)
    finally:
        if isinstance(server, uvicorn.Server):
            server.should_exit = True
        thread.join()
        listener.close()


def origin_of(listener: socket.socket) -> str:
    """The URL that a listening socket is reached by."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def greeting(options: Options, listener: socket.socket) -> str:
    """What to do now that the emulator listens."""
    origin = origin_of(listener)
    path, body = _example(options.region)
    # A key that was given may be a real one, so it is shown nowhere.
    key, hint = ("…", "   # a key that --key named") if options.keys else ("sk-anything", "")
    return f"""wanflow emulator: {regions()[options.region].title}, time runs {options.speed:g} times as fast
base URL: {origin}/api/v1
figures:  {origin}/__emulator__/stats

The official SDK:
  export DASHSCOPE_HTTP_BASE_URL={origin}/api/v1 DASHSCOPE_API_KEY={key}{hint}
By hand, after that:
  curl {origin}/api/v1{path} \\
    -H "Authorization: Bearer $DASHSCOPE_API_KEY" -H 'X-DashScope-Async: enable' \\
    -H 'Content-Type: application/json' -d '{body}'

Ctrl-C stops it."""


def _example(region: str) -> tuple[str, str]:
    """Path and body of the shortest submission that the region takes."""
    painters = [(name, model) for name, model in offered(region).items() if model.images is None]
    ways = [(name, way) for name, model in painters for way in model.protocols if way.is_async]
    wishes = [(way.path, json.dumps({"model": name, "input": _wish(way)})) for name, way in ways]
    return min(wishes, key=lambda wish: len(wish[1]))


def _wish(protocol: Protocol) -> dict[str, Any]:
    if protocol.body == "messages":
        return {"messages": [{"role": "user", "content": [{"text": "A flower shop"}]}]}
    return {"prompt": "A flower shop"}


def farewell(options: Options, said: dict[str, Any]) -> str:
    """What happened, in a line."""
    kept = f"; kept in {options.state}" if options.state else ""
    numbers = {"task": said["submissions"], "image": said["images_billed"], "duplicate": said["duplicates"]}
    counts = ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for noun, number in numbers.items())
    return f"stopped: {counts}{kept}"
