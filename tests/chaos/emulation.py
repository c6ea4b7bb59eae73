"""The emulator as a process of its own, which may be killed; its time goes on meanwhile, as a provider's does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from starlette.requests import Request as Incoming

from wanflow.emulator import app
from wanflow.emulator.chance import times
from wanflow.emulator.faults import parse
from wanflow.emulator.options import Options
from wanflow.emulator.server import bound, origin_of, serve

# A provider works on a request for up to 300 s.
LATE_S = (20.0, 200.0)


def main(told: dict[str, Any], say: Callable[[str], None]) -> int:
    """Serve until killed; says where."""
    plain, since = app.FastClock, told["since"]
    app.FastClock = lambda speed, start: plain(speed, since + (time.time() - since) * speed)  # type: ignore[assignment,misc]
    faults, seed = parse(told["faults"])
    options = Options(
        speed=told["speed"],
        service=times(told["service"]),
        latency=times(told["latency"]),
        paint="echo",
        state=Path(told["state"]),
        faults=faults,
        fault_seed=seed,
    )
    app.Emulator._endpoint = _dawdling(told["late"], Random(seed))  # type: ignore[method-assign]
    listener = bound("127.0.0.1", told["port"])
    serve(options, listener, greet=lambda text: say(origin_of(listener)))
    return 0


def _dawdling(share: float, random: Random) -> Any:
    """The emulator's endpoint, which takes a share of the submissions late, whether or not anybody waits for them."""
    plain = app.Emulator._endpoint

    async def endpoint(self: app.Emulator, incoming: Incoming) -> Any:
        if incoming.url.path.startswith("/api/v1/services/") and random.random() < share:
            await incoming.body()
            await asyncio.sleep(random.uniform(*LATE_S) / self.clock.speed)
        return await plain(self, incoming)

    return endpoint
