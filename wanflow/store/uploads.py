"""Where pictures lie at the provider, for as long as they do; all projects of an account share them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from wanflow.store.ledger import Ledger


class Uploads(Protocol):
    """Remembers under which URL, and until when, a picture lies at the provider for a model. Raises StoreError."""

    async def find(self, model: str, picture: str) -> tuple[str, datetime] | None:
        """Where a picture lies, and until when."""

    async def keep(self, model: str, picture: str, url: str, until: datetime) -> None:
        """Remember it."""

    async def forget(self, model: str, picture: str) -> bool:
        """Rely on it no more; whether it was known."""


class Remembered:
    """Uploads of this process."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], tuple[str, datetime]] = {}

    async def find(self, model: str, picture: str) -> tuple[str, datetime] | None:
        """Where a picture lies, and until when."""
        return self._places.get((model, picture))

    async def keep(self, model: str, picture: str, url: str, until: datetime) -> None:
        """Remember it."""
        self._places[model, picture] = url, until

    async def forget(self, model: str, picture: str) -> bool:
        """Rely on it no more; whether it was known."""
        return self._places.pop((model, picture), None) is not None


class Kept:
    """Uploads in an account's ledger, so that they outlive the process."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def find(self, model: str, picture: str) -> tuple[str, datetime] | None:
        """Where a picture lies, and until when."""
        asked = "SELECT url, until FROM uploads WHERE model = ? AND sha256 = ?"
        found = await self._ledger.write(self._ledger.execute, asked, (model, picture))
        return (found[0][0], datetime.fromtimestamp(found[0][1], UTC)) if found else None

    async def keep(self, model: str, picture: str, url: str, until: datetime) -> None:
        """Remember it."""
        values = (model, picture, url, until.timestamp())
        await self._ledger.write(self._ledger.execute, "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", values)

    async def forget(self, model: str, picture: str) -> bool:
        """Rely on it no more; whether it was known."""
        if known := await self.find(model, picture):
            statement = "DELETE FROM uploads WHERE model = ? AND sha256 = ?"
            await self._ledger.write(self._ledger.execute, statement, (model, picture))
        return known is not None
