"""The emulator as a process of its own, which may be killed; its time goes on meanwhile, as a provider's does."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from wanflow.emulator import app
from wanflow.emulator.chance import times
from wanflow.emulator.faults import parse
from wanflow.emulator.options import Options
from wanflow.emulator.server import bound, origin_of, serve

if __name__ == "__main__":
    told = json.loads(sys.argv[1])
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
    print(origin_of(listener), flush=True)
    serve(options, listener)
