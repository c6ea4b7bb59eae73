"""What a backend may use of the outside, handed to it by whoever opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wanflow.backends.workers import Workers
from wanflow.clock import Clock
from wanflow.settings import ProviderSettings


def silent(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Services:
    """This machine's workers, what is set for the provider, secrets by name, time, and whom to tell what takes long."""

    workers: Workers
    provider: ProviderSettings
    secret: Callable[[str], str | None]
    clock: Clock
    note: Callable[[str], None] = silent
