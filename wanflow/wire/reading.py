"""Reads JSON that may be anything: what must be there is there and of its kind, else an EditError "BadAnswer"."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NoReturn
from urllib.parse import urlsplit

from wanflow.errors import Again, EditError, printable, quoted

CHINA = timezone(timedelta(hours=8))
MAX_BYTES = 10_000_000
_URL = re.compile(r"https?://[!-~]+")


def read(data: bytes) -> Mapping[str, Any]:
    """A JSON object, at most MAX_BYTES long. Raises EditError."""
    if len(data) > MAX_BYTES:
        bad(f"it has over {MAX_BYTES // 1_000_000} MB")
    try:
        answer = json.loads(data, parse_constant=_no_number)
    # Nested lists by the thousand end in RecursionError, endless digits in ValueError.
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        bad("it is no JSON object")
    return answer


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def needed_map(parent: Mapping[str, Any], name: str, where: str = "") -> Mapping[str, Any]:
    """A member that must be an object. Raises EditError."""
    return as_map(parent.get(name), where or name)


def as_map(value: object, where: str) -> Mapping[str, Any]:
    """A value that must be an object. Raises EditError."""
    if not isinstance(value, dict):
        bad(f"{where} is {shown(value)}")
    return value


def as_list(value: object, where: str, most: int) -> list[Any]:
    """A value that must be a list of at most so many entries. Raises EditError."""
    if not isinstance(value, list):
        bad(f"{where} is {shown(value)}")
    if len(value) > most:
        bad(f"{where} has {len(value)} entries")
    return value


def optional_map(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member that is an object, or an empty one."""
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def text(value: object, most: int = 1_000) -> str:
    """A text to show: cut, on one line, control characters visible; empty when there is none."""
    return printable(value[:most]).replace("\n", " ") if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """A whole number from 0 to a billion, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def china_time(value: object) -> datetime | None:
    """A moment as answers write it, in China's time unless it names its zone, or None."""
    if not isinstance(value, str):
        return None
    moment = _moment(lambda: datetime.fromisoformat(value))
    return moment.replace(tzinfo=CHINA) if moment and moment.tzinfo is None else moment


def epoch_time(value: object) -> datetime | None:
    """A moment in milliseconds since 1970, or None."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return _moment(lambda: datetime.fromtimestamp(value / 1000, UTC))


def _moment(read: Callable[[], datetime]) -> datetime | None:
    try:
        return read()
    except (ValueError, OverflowError, OSError):
        return None


def is_url(value: str) -> bool:
    """Whether a request can be sent there: http or https, ASCII, at most 16000 characters, with a host and a port."""
    if len(value) > 16_000 or not _URL.fullmatch(value):
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0  # reading the port checks it
    except ValueError:
        return False


def shown(value: object) -> str:
    """A value as messages show it."""
    if value is None:
        return "missing"
    return quoted(value) if isinstance(value, str) else f"of the wrong kind ({type(value).__name__})"


def bad(what: str) -> NoReturn:
    """Raise the EditError."""
    # To a submit, an answer that can't be read may well mean that the task was accepted.
    raise EditError("BadAnswer", f"the service's answer makes no sense: {what}", Again.UNSURE)
