"""Work that several jobs of a plan share: what is still to be made is made once, by the first of them."""

from __future__ import annotations

from collections.abc import Iterator

from wanflow.model import Action, Decision
from wanflow.planning.gating import Gating
from wanflow.planning.planned import RowPlan


class Repeats:
    """What the jobs of one plan make, row after row: `begin` and `end` tell where one starts and is settled."""

    def __init__(self, gating: Gating) -> None:
        self._gating = gating
        self._planned: set[bytes] = set()
        self._fresh: set[bytes] = set()

    def begin(self) -> None:
        """A row is decided from here on, perhaps once more."""
        self._fresh = set()

    def end(self, entry: RowPlan) -> None:
        """A row is decided; what it makes is not made again."""
        # What is stored already is known by its content; only what is yet to be made is known by its key alone.
        self._planned.update(symbol for made in entry.decisions if _is_unmade(made) for symbol in self._symbols(made))

    def forget(self, entry: RowPlan) -> None:
        """A row will be decided anew."""
        self._planned.difference_update(symbol for made in entry.decisions for symbol in self._symbols(made))

    def __contains__(self, key: str) -> bool:
        symbol = _symbol(key)
        return symbol in self._planned or symbol in self._fresh

    def add(self, key: str) -> None:
        """A job of this row makes this."""
        self._fresh.add(_symbol(key))

    def discard(self, key: str) -> None:
        """It doesn't after all."""
        self._fresh.discard(_symbol(key))

    def _symbols(self, made: Decision) -> Iterator[bytes]:
        """What a job makes, and which gate judges it, as later jobs are compared with."""
        if made.key:
            yield _symbol(made.key)
            yield _symbol(self._gating.mark(made.step, made.key))


def _is_unmade(made: Decision) -> bool:
    """Whether a picture is yet to be made, by this job or by one of which it is the same work."""
    return made.result is None and made.action is not Action.SKIP


def _symbol(key: str) -> bytes:
    return bytes.fromhex(key)[:16]
