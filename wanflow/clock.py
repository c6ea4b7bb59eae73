"""Time as an argument: the real clock, a faster one, and what a fake one in tests must do."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the loop knows of time."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class FastClock:
    """The real clock, `speed` times as fast: for work against an emulator of the same speed.

    It is right at `since`, which processes that shall agree on the time have in common; else when it is made.
    """

    def __init__(self, speed: float, since: datetime | None = None) -> None:
        self.speed = speed
        self._began = time.monotonic()
        now = datetime.now(UTC)
        since = since or now
        self._start = since + (now - since) * speed

    def now(self) -> datetime:
        """The time of day, in UTC, as it has run since the start."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Fast seconds since the start."""
        return (time.monotonic() - self._began) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait so many fast seconds."""
        await asyncio.sleep(seconds / self.speed)
