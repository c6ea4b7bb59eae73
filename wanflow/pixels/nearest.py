"""Nearest-neighbour fields: which known patch looks most like each wanted one (exact while small, PatchMatch
above)."""

from __future__ import annotations

import numpy as np

from wanflow.pixels.engine import Bools, Floats
from wanflow.pixels.patches import Index

# Products of targets and sources up to which a matrix product is cheaper than searching.
EXACT_PAIRS = 1.5e7
ROWS = 512


def exact(targets: Floats, sources: Floats) -> tuple[Index, Floats]:
    """For each of (n, d) the index of the nearest of (m, d) and its squared distance."""
    best = np.empty(len(targets), np.int64)
    half = (sources * sources).sum(axis=1) / 2
    transposed = np.ascontiguousarray(sources.T)
    for start in range(0, len(targets), ROWS):
        part = slice(start, start + ROWS)
        best[part] = np.argmin(half - targets[part] @ transposed, axis=1)
    return best, distance(targets, sources[best])


def distance(a: Floats, b: Floats) -> Floats:
    """Squared distances (n,) between the rows of two (n, d) arrays."""
    difference = a - b
    squared: Floats = np.einsum("nd,nd->n", difference, difference)
    return squared


class Search:
    """PatchMatch (Barnes et al. 2009) over all targets at once: neighbours' shifts are tried, then random
    places nearby."""

    def __init__(
        self, shape: tuple[int, int], usable: Bools, row: Index, described: Floats, rng: np.random.Generator
    ) -> None:
        """`usable` (h*w,) centres, `row` (h*w,) their rows in `described` (m, d)."""
        self.shape = shape
        self.usable = usable
        self.row = row
        self.described = described
        self.rng = rng

    def improve(self, targets: Index, wanted: Floats, field: Index, rounds: int) -> tuple[Index, Floats]:
        """Better sources for `targets` (flat, described by `wanted`), starting from `field` (h*w,) of flat
        sources."""
        found = field[targets].copy()
        cost = distance(wanted, self.described[self.row[found]])
        for turn in range(rounds):
            for jump in (1, 4) if turn % 2 == 0 else (2, 1):
                for dy, dx in ((0, jump), (jump, 0), (0, -jump), (-jump, 0)):
                    self._try_neighbour(targets, wanted, field, found, cost, dy, dx)
            self._try_places(wanted, found, cost)
            field[targets] = found
        return found, cost

    def _try_neighbour(
        self, targets: Index, wanted: Floats, field: Index, found: Index, cost: Floats, dy: int, dx: int
    ) -> None:
        height, width = self.shape
        y, x = targets // width + dy, targets % width + dx
        here = np.flatnonzero((y >= 0) & (y < height) & (x >= 0) & (x < width))
        neighbour = y[here] * width + x[here]
        source = field[neighbour]
        sy, sx = source // width - dy, source % width - dx
        # Pixels that are no target hold -1; their shift means nothing.
        good = (source >= 0) & (sy >= 0) & (sy < height) & (sx >= 0) & (sx < width)
        self._take(here[good], sy[good] * width + sx[good], wanted, found, cost)
        field[targets] = found

    def _try_places(self, wanted: Floats, found: Index, cost: Floats) -> None:
        height, width = self.shape
        reach = max(height, width) // 2
        while reach >= 1:
            y = found // width + self.rng.integers(-reach, reach + 1, len(found))
            x = found % width + self.rng.integers(-reach, reach + 1, len(found))
            np.clip(y, 0, height - 1, out=y)
            np.clip(x, 0, width - 1, out=x)
            self._take(np.arange(len(found)), y * width + x, wanted, found, cost)
            reach //= 3

    def _take(self, which: Index, source: Index, wanted: Floats, found: Index, cost: Floats) -> None:
        fresh = self.usable[source] & (source != found[which])
        which, source = which[fresh], source[fresh]
        new = distance(wanted[which], self.described[self.row[source]])
        better = new < cost[which]
        found[which[better]] = source[better]
        cost[which[better]] = new[better]
