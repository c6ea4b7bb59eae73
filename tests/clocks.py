"""Clocks for tests: one that only moves when somebody sleeps, and one that runs fast."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


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


class FastClock:
    """The real clock, `speed` times as fast, as an emulator's of the same speed."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._began = time.monotonic()
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)
