"""Streams that nobody may read any more: after `| head`, in a window that was closed, on a disk that is full."""

from __future__ import annotations

import errno
import os
import stat
from typing import TextIO


def tell(stream: TextIO, text: str) -> None:
    """Write at once. What can't be written, and all that follows, goes nowhere: a run goes on, with what it paid for,
    though nobody listens.
    """
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        nowhere(stream)


def is_others(terminal: TextIO) -> bool:
    """Whether the shell has put this program in the background of a terminal."""
    try:
        return os.tcgetpgrp(terminal.fileno()) != os.getpgrp()
    except OSError:  # no shell is about
        return False


def is_unread(stream: TextIO, error: OSError) -> bool:
    """Whether that was an error of writing to a pipe or a window whose reader is gone."""
    at_a_window = stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    return error.errno == errno.EPIPE or (error.errno == errno.EIO and at_a_window)


def nowhere(stream: TextIO) -> None:
    """Whatever is still to be written to a stream, by anybody, goes nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
