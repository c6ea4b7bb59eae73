"""Where pictures lie at the provider, for as long as they do; all projects of an account share them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime

from wanflow.store.ledger import Ledger


class Uploads(MutableMapping[tuple[str, str], tuple[str, datetime]]):
    """Where pictures lie at the provider: (model's name, sha256) -> (URL, until when); see backends/dashscope."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __getitem__(self, place: tuple[str, str]) -> tuple[str, datetime]:
        found = self._ledger.execute("SELECT url, until FROM uploads WHERE model = ? AND sha256 = ?", place).fetchone()
        if not found:
            raise KeyError(place)
        return found[0], datetime.fromtimestamp(found[1], UTC)

    def __setitem__(self, place: tuple[str, str], entry: tuple[str, datetime]) -> None:
        with self._ledger.transaction():
            values = (*place, entry[0], entry[1].timestamp())
            self._ledger.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", values)

    def __delitem__(self, place: tuple[str, str]) -> None:
        with self._ledger.transaction():
            if not self._ledger.execute("DELETE FROM uploads WHERE model = ? AND sha256 = ?", place).rowcount:
                raise KeyError(place)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([(row[0], row[1]) for row in self._ledger.execute("SELECT model, sha256 FROM uploads")])

    def __len__(self) -> int:
        return int(self._ledger.execute("SELECT count(*) FROM uploads").fetchone()[0])
