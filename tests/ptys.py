"""A terminal for tests: wanflow runs on a pty of a known size, and what it writes is drawn as a terminal would."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyte

# What wanflow itself may say to a terminal: colours, up, erase to the end of a line or the screen, the line's start.
OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[[0-9]+A|\x1b\[[KJ]|\r\n|\r|\n|\t")
PATIENCE_S = 60
# Whatever is set where the tests run, this is a terminal like any other.
PLAIN = ("NO_COLOR", "CI", "COLUMNS", "LINES", "FORCE_COLOR")


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in PLAIN}
    return {**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **more}


class Terminal:
    """A pty that keeps all that was written to it."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.master, self.slave = pty.openpty()
        self.screen = pyte.Screen(columns, rows)
        self.resize(columns, rows)
        self.written = ""
        self._stream = pyte.ByteStream(self.screen)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.master)
        if self.slave >= 0:
            os.close(self.slave)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def text(self) -> Any:
        """A text stream to it."""
        return os.fdopen(os.dup(self.slave), "w", encoding="utf-8")

    def start(self, command: Sequence[str], cwd: Path, **variables: str) -> subprocess.Popen[bytes]:
        """A process that has this as its terminal, so that it is told of Ctrl-C."""
        done = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(**variables),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(self.slave)
        self.slave = -1
        return done

    def read(self, until: Callable[[], bool] = lambda: False) -> str:
        """Take in what is written until that is enough, or nobody writes any more; returns all so far."""
        while not until():
            ready, _, _ = select.select([self.master], [], [], PATIENCE_S if self.slave < 0 else 0)
            if not ready:
                assert self.slave >= 0, f"nothing came for {PATIENCE_S} s after {self.written[-500:]!r}"
                break
            try:
                raw = os.read(self.master, 65536)
            except OSError:  # the last process that held it ended
                break
            if not raw:
                break
            self._stream.feed(raw)
            self.written += raw.decode("utf-8", "replace")
        return self.written

    def press(self, key: str) -> None:
        os.write(self.master, key.encode())

    def lines(self) -> list[str]:
        """What is on the screen, without empty lines at its end."""
        shown = [line.rstrip() for line in self.screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown


def foreign(text: str) -> list[str]:
    """What a terminal might obey, or that hides or turns text, but our own sequences."""
    return [char for char in OWN.sub("", text) if not char.isprintable()]
