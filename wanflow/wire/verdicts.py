"""What the provider's error codes mean for a job: an EditError with a label and plain words, from schemas/errors.json.

Codes that are not in the table are judged by the nearest code above them (InternalError.New by InternalError), else by
the HTTP status. A submit that is answered with 5xx may have made a task unless the table says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

from wanflow.documents.schemas import load
from wanflow.errors import Again, EditError, quoted

_TIMELY = (408, 425)
_LONGEST_WAIT_S = 3600.0


class Phase(Enum):
    """What was answered: a paid request, a question that may be asked again, or how a task (or image) ended."""

    SUBMIT = "submit"
    QUERY = "query"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class _Meaning:
    again: Again
    title: str
    remedy: str


def judged(code: str, message: str, phase: Phase, *, status: int = 0, retry_after_s: float | None = None) -> EditError:
    """The error that a code and its text stand for; `status` is the HTTP status where there was one."""
    meaning = _meaning(code, message, phase, status)
    said = f" (the service says {quoted(message, 300)})" if message else ""
    text = f"{meaning.title}{said}. {meaning.remedy}"
    return EditError(code or f"HTTP{status}", text, meaning.again, retry_after_s)


def _meaning(code: str, message: str, phase: Phase, status: int) -> _Meaning:
    entry = _entry(code)
    if entry is None:
        return _by_status(phase, status)
    for start, other in entry.get("texts", {}).items():
        if message.startswith(start):
            return _Meaning(Again(other["again"]), other["title"], other["remedy"])
    meaning = _Meaning(Again(entry["again"]), entry["title"], entry["remedy"])
    if phase is Phase.SUBMIT and "on_submit" in entry:
        return replace(meaning, again=Again(entry["on_submit"]))
    return meaning


def _entry(code: str) -> Mapping[str, Any] | None:
    known: Mapping[str, Mapping[str, Any]] = load("errors.json")["codes"]
    while code and code not in known:
        code = code.rpartition(".")[0]
    return known.get(code)


def _by_status(phase: Phase, status: int) -> _Meaning:
    if phase is Phase.TASK:
        # A task that failed costs nothing, but why an unknown code should pass next time nobody knows.
        return _Meaning(Again.NEVER, "the task failed for a reason that wanflow does not know", _SUPPORT)
    if status == 429:
        return _Meaning(Again.THROTTLED, "too many requests", "wanflow slows down by itself.")
    if status == 401:
        return _Meaning(Again.ACCOUNT, "the API key is not accepted", "Look at the key and the region.")
    if status in _TIMELY:
        # Something on the way may say so although the service has the request.
        again = Again.UNSURE if phase is Phase.SUBMIT else Again.SOON
        return _Meaning(again, f"the service answers with HTTP {status}: not in time", "Run again.")
    if 300 <= status < 400:
        return _Meaning(Again.NEVER, "the base URL leads to another address", "Look at the region and the base URL.")
    if 400 <= status < 500:
        return _Meaning(Again.NEVER, f"the service refuses the request with HTTP {status}", _SUPPORT)
    again = Again.UNSURE if phase is Phase.SUBMIT else Again.SOON
    return _Meaning(again, f"the service, or something on the way, answers with HTTP {status}", "Run again later.")


_SUPPORT = "If the words don't help, the provider's support knows more."


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks to wait, at most an hour; None when it can't be read."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header, now)
    return min(max(seconds, 0.0), _LONGEST_WAIT_S) if math.isfinite(seconds) else None


def _seconds_until(date: str, now: datetime) -> float:
    try:
        return (parsedate_to_datetime(date) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return math.nan
