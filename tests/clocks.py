"""A clock for tests that only moves when somebody sleeps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class Stopwatch:
    """Starts at 0 seconds; sleeping moves it at once."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)
