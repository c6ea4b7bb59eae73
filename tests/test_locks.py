"""Locks on files that others take, free and remove at the same time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from wanflow.store import locks

pytestmark = pytest.mark.skipif(locks.fcntl is None, reason="there are no locks here")


class Troubled(type(Path())):  # type: ignore[misc] - Path itself can't be derived from before Python 3.12
    """A path that can't be looked at when it is for the n-th time."""

    troubles: Mapping[int, OSError] = {}

    def stat(self, **options: Any) -> os.stat_result:
        self.looks = getattr(self, "looks", 0) + 1
        if self.looks in self.troubles:
            raise self.troubles[self.looks]
        return super().stat(**options)


def troubled(path: Path, troubles: dict[int, OSError]) -> Troubled:
    made = Troubled(path)
    made.troubles = troubles
    return made


@pytest.mark.parametrize("look", [1, 2])
def test_a_file_that_goes_while_it_is_looked_at_is_made_anew(look: int, tmp_path: Path) -> None:
    held = locks.take(troubled(tmp_path / "lock", {look: FileNotFoundError(2, "gone")}))
    assert held is not None
    assert locks.take(tmp_path / "lock") is None


def test_a_lock_that_can_not_be_taken_is_let_go(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        locks.take(troubled(tmp_path / "lock", dict.fromkeys((1, 2), PermissionError(13, "no"))))
    assert locks.take(tmp_path / "lock") is not None
