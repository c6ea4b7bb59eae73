"""The emulator as a process of its own, which may be killed; its time goes on meanwhile, as a provider's does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wanflow.emulator import app
from wanflow.emulator.chance import times
from wanflow.emulator.faults import parse
from wanflow.emulator.options import Options
from wanflow.emulator.server import bound, origin_of, serve


def main(told: dict[str, Any], say: Callable[[str], None]) -> int:
    """Serve until killed; says where."""
    plain, since = app.FastClock, told["since"]
    app.FastClock = lambda speed, start: plain(speed, since + (time.time() - since) * speed)  # type: ignore[assignment,misc]
    faults, seed = parse(told["faults"])
    options = Options(
        speed=told["speed"],
        service=times("uniform:1:4"),
        latency=times("fixed:0.3"),
        paint="echo",
        state=Path(told["state"]),
        faults=faults,
        fault_seed=seed,
    )
    listener = bound("127.0.0.1", told["port"])
    serve(options, listener, greet=lambda text: say(origin_of(listener)))
    return 0
