"""Who is told how a run goes."""

from __future__ import annotations

from typing import Protocol

from wanflow.model import Outcome


class Listener(Protocol):
    """Who is told how a run goes."""

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended, in whatever way."""

    def published(self, path: str, kept: str) -> None:
        """A file appeared; `kept` says where an edited one that stood there went."""

    def note(self, text: str) -> None:
        """Something the user should know."""


class Silent:
    """A listener that says nothing."""

    def finished(self, outcome: Outcome, step: str) -> None:
        """Nothing."""

    def published(self, path: str, kept: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
