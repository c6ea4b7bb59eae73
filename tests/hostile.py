"""Work that is bad for the process that does it; a module of its own, so that worker processes can import it."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from wanflow.backends import workers
from wanflow.model import Call, Result


def work(call: Call, store: Path) -> Result:
    """What the call's function names; any other call is performed, after a while in which others may die."""
    match call.function:
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "hoard":
            workers._performed = _hoard
    time.sleep(0.3)
    return workers.perform(call, store)


def _hoard(call: Call, store: Path) -> Result:
    pieces = [np.empty(1 << 30, np.uint8) for _ in range(4000)]  # claimed, never touched
    raise AssertionError(f"nothing bounds this process: it has {len(pieces)} GiB")
