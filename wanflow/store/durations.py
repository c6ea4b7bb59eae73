"""What the index keeps of how long jobs took, so that plans need not go by what is documented for ever."""

from __future__ import annotations

import math
import sqlite3

# A mean of so many jobs follows what changes; one of fewer than ENOUGH is no mean.
REMEMBERED, ENOUGH = 50, 5


class Durations:
    """The part of a project's index that has learnt how long things take; lost, it is learnt anew."""

    _db: sqlite3.Connection

    def duration(self, what: str) -> tuple[float, int] | None:
        """The seconds that a job of a kind takes, and from how many that was learnt; None while they are few."""
        found = self._db.execute("SELECT seconds, jobs FROM durations WHERE what = ?", (what,)).fetchone()
        if not found or not isinstance(found[0], float) or not isinstance(found[1], int):
            return None
        seconds, jobs = found
        return (seconds, jobs) if jobs >= ENOUGH and math.isfinite(seconds) and seconds >= 0 else None

    def note_duration(self, what: str, seconds: float) -> None:
        """Take a job of a kind into account."""
        self._db.execute(
            "INSERT INTO durations VALUES (?, ?, 1) ON CONFLICT (what) DO UPDATE SET jobs = jobs + 1,"
            " seconds = seconds + (excluded.seconds - seconds) / min(jobs + 1, ?)",
            (what, float(max(seconds, 0.0)), REMEMBERED),
        )
