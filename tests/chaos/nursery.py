"""Forks processes from one that has imported everything, which is most of the work of a short life.

A request is a line of JSON: the role, what it is told, its log, folder and environment. Lines come back: the process's
id; what the role itself says; and each status of os.waitpid, the last when it has ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import child
import emulation
import httpcore  # noqa: F401 - what a run imports late
import httpx  # noqa: F401
import rich.progress  # noqa: F401

Say = Callable[[str], None]
ROLES: Mapping[str, Callable[[Any, Say], int]] = {"wanflow": child.main, "emulator": emulation.main}


class Birth(socketserver.StreamRequestHandler):
    """In a process of its own: the parent that waits."""

    def handle(self) -> None:
        told = json.loads(self.rfile.readline())
        pid = os.fork()
        if not pid:
            os._exit(_lived(told, self.connection))
        while True:
            _, status = os.waitpid(pid, os.WUNTRACED)
            self.wfile.write(f"{status}\n".encode())
            if not os.WIFSTOPPED(status):
                return


class Nursery(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Forks until the driver is gone, and then ends with all that it forked."""

    max_children = 100

    def __init__(self, path: str) -> None:
        self._driver = os.getppid()
        super().__init__(path, Birth)

    def service_actions(self) -> None:
        super().service_actions()
        if os.getppid() != self._driver:
            os.killpg(0, signal.SIGKILL)


def _lived(told: Mapping[str, Any], connection: socket.socket) -> int:
    def say(line: str) -> None:
        connection.sendall(f"{line}\n".encode())

    try:
        os.environ.update(told["environment"])
        os.chdir(told["folder"])
        log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        say(str(os.getpid()))
        return ROLES[told["role"]](told["told"], say)
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it was, and must not go on as its parent
        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    with Nursery(str(Path(sys.argv[1]))) as nursery:
        print("ready", flush=True)
        nursery.serve_forever(poll_interval=0.5)
