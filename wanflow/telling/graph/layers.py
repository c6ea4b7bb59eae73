"""A layered drawing of boxes and links, after Sugiyama, Tagawa and Toda 1981: ranks, order within ranks, places.

`x` runs across the ranks, `y` along the links, both in pixels. A link is straight wherever there are boxes beside it,
and bends only between ranks, where there are none: so no link crosses a box.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from wanflow.language import graph

# How often ranks are ordered, and settled; they are settled when nothing moves by more than so many pixels.
SWEEPS, MOST_SWEEPS, SETTLED = 12, 201, 0.02
# Links arrive at boxes so many pixels straight.
STRAIGHT = 18.0
# A link that passes ranks is worth keeping straight there; what nothing pulls gives way.
STIFF, LOOSE = 4.0, 0.01


@dataclass(frozen=True, slots=True)
class Box:
    """A thing that takes room. `first` and `last` ones stand alone in front of all the others, or after them."""

    id: str
    width: float
    height: float
    first: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """From a box to another; `out` and `into` are where on the boxes' sides, None: wherever it is best. `room` is what
    its end needs beside others, `pull` how much it is worth to have it straight.
    """

    source: str
    target: str
    out: float | None = None
    into: float | None = None
    room: float = 12.0
    pull: float = 1.0


@dataclass(frozen=True, slots=True)
class Station:
    """A straight part of a link: at `x` from `start` to `end`; between two of them it bends."""

    x: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """Where each box has its corner, the stations of each link, and the size of it all."""

    corners: Mapping[str, tuple[float, float]]
    routes: Sequence[Sequence[Station]]
    width: float
    height: float


def layered(boxes: Sequence[Box], links: Sequence[Link], *, aside: float, gap: float) -> Drawing:
    """Draw; boxes of a rank are `aside` from each other, ranks `gap` apart or more. Links of a circle lead back."""
    return _Layers(boxes, links, aside, gap).drawing()


@dataclass(slots=True)
class _Spot:
    """A box in its rank, or the place where a long link passes one."""

    width: float
    aside: float
    x: float = 0.0  # its middle
    above: list[_Joint] = field(default_factory=list)
    below: list[_Joint] = field(default_factory=list)


@dataclass(slots=True)
class _Joint:
    """A link between two neighbouring ranks; the offsets are from the middles of both spots."""

    upper: _Spot
    lower: _Spot
    pull: float = 1.0
    out: float = 0.0
    into: float = 0.0


class _Layers:
    def __init__(self, boxes: Sequence[Box], links: Sequence[Link], aside: float, gap: float) -> None:
        self.boxes, self.links, self.aside, self.gap = {box.id: box for box in boxes}, links, aside, gap
        self.rank = _ranks(boxes, links)
        self.spots = {box.id: _Spot(box.width, aside) for box in boxes}
        self.ranks: list[list[_Spot]] = [[] for _ in range(max(self.rank.values(), default=-1) + 1)]
        for box in boxes:
            self.ranks[self.rank[box.id]].append(self.spots[box.id])
        self.chains = [self._chain(link) for link in links]

    def drawing(self) -> Drawing:
        self._order()
        self._ports()
        self._place()
        return self._drawn()

    def _chain(self, link: Link) -> list[_Joint]:
        """A link as joints from rank to rank, the uppermost first."""
        if link.source == link.target:
            return []
        upper, lower = sorted((link.source, link.target), key=self.rank.__getitem__)
        out, into = (link.out, link.into) if upper == link.source else (link.into, link.out)
        spots = [self.spots[upper]]
        for rank in range(self.rank[upper] + 1, self.rank[lower]):
            spots.append(_Spot(0.0, self.aside * 0.6))
            self.ranks[rank].append(spots[-1])
        spots.append(self.spots[lower])
        passing = {id(spot) for spot in spots[1:-1]}
        joints = [
            _Joint(one, other, link.pull * (STIFF if {id(one), id(other)} <= passing else 1.0))
            for one, other in pairwise(spots)
        ]
        if joints:
            joints[0].out = 0.0 if out is None else out - self.boxes[upper].width / 2
            joints[-1].into = 0.0 if into is None else into - self.boxes[lower].width / 2
        for joint in joints:
            joint.upper.below.append(joint)
            joint.lower.above.append(joint)
        return joints

    # -- order

    def _order(self) -> None:
        """Barycentres up and down, and neighbours changed while that saves crossings; the best of it stays."""
        best, least = [list(rank) for rank in self.ranks], self._crossings()
        for sweep in range(SWEEPS):
            if not least:
                break
            down = sweep % 2 == 0
            for rank in self.ranks if down else reversed(self.ranks):
                self._sort(rank, down=down)
            self._swap()
            if (crossings := self._crossings()) < least:
                best, least = [list(rank) for rank in self.ranks], crossings
        self.ranks = best

    def _sort(self, rank: list[_Spot], *, down: bool) -> None:
        place = self._numbers()
        wanted = {}
        for number, spot in enumerate(rank):
            near = [_middle(joint, place, up=down) for joint in (spot.above if down else spot.below)]
            wanted[id(spot)] = sum(near) / len(near) if near else float(number)
        rank.sort(key=lambda spot: wanted[id(spot)])

    def _swap(self) -> None:
        for rank in self.ranks:
            for number in range(len(rank) - 1):
                place = self._numbers()
                one, other = rank[number : number + 2]
                if _crossed(other, one, place) < _crossed(one, other, place):
                    rank[number : number + 2] = [other, one]

    def _numbers(self) -> dict[int, int]:
        return {id(spot): number for rank in self.ranks for number, spot in enumerate(rank)}

    def _crossings(self) -> int:
        place, found = self._numbers(), 0
        for rank in self.ranks:
            joints = [joint for spot in rank for joint in spot.below]
            ends = sorted((_middle(joint, place, up=True), _middle(joint, place, up=False)) for joint in joints)
            seen: list[float] = []
            for _, lower in ends:
                found += len(seen) - bisect_left(seen, lower + 1e-9)
                insort(seen, lower)
        return found

    # -- places

    def _ports(self) -> None:
        """Where links end at the boxes that leave it open: side by side, in the order of where they come from."""
        place = self._numbers()
        ends: dict[str, list[tuple[float, int, Link]]] = {}
        for number, (link, chain) in enumerate(zip(self.links, self.chains, strict=True)):
            if chain and link.into is None and self.rank[link.source] < self.rank[link.target]:
                ends.setdefault(link.target, []).append((_middle(chain[-1], place, up=True), number, link))
        for target, found in ends.items():
            found.sort(key=lambda end: end[:2])
            rooms = [link.room for _, _, link in found]
            free = max(0.0, self.boxes[target].width - 20)
            scale = min(1.0, free / span) if (span := sum(rooms) - (rooms[0] + rooms[-1]) / 2) else 0.0
            x = -span / 2
            for (_, number, _), room, after in zip(found, rooms, [*rooms[1:], 0.0], strict=True):
                self.chains[number][-1].into = x * scale
                x += (room + after) / 2

    def _place(self) -> None:
        """Each spot near the middle of what it is linked with; the ranks settle from both ends in turn."""
        for rank in self.ranks:
            x = 0.0
            for spot in rank:
                spot.x = x + spot.width / 2
                x += spot.width + spot.aside
        for sweep in range(MOST_SWEEPS):
            down, both = sweep % 2 == 0, sweep >= SWEEPS
            moves = [
                _settle(rank, [_wanted(spot, down=down, both=both) for spot in rank])
                for rank in (self.ranks if down else reversed(self.ranks))
            ]
            if both and max(moves, default=0.0) < SETTLED:
                break

    def _drawn(self) -> Drawing:
        left = min((spot.x - spot.width / 2 for rank in self.ranks for spot in rank), default=0.0)
        for rank in self.ranks:
            for spot in rank:
                spot.x -= left
        bands = self._bands()
        corners = {}
        for box in self.boxes.values():
            top, bottom = bands[self.rank[box.id]]
            corners[box.id] = (self.spots[box.id].x - box.width / 2, (top + bottom - box.height) / 2)
        routes = [self._route(link, chain, bands, corners) for link, chain in zip(self.links, self.chains, strict=True)]
        right = max((spot.x + spot.width / 2 for rank in self.ranks for spot in rank), default=0.0)
        return Drawing(corners, routes, right, bands[-1][1] if bands else 0.0)

    def _bands(self) -> list[tuple[float, float]]:
        """From where to where each rank reaches; where links go far aside, there is more between two of them."""
        tops: list[tuple[float, float]] = []
        y = 0.0
        members: list[list[Box]] = [[] for _ in self.ranks]
        for box in self.boxes.values():
            members[self.rank[box.id]].append(box)
        for number, rank in enumerate(self.ranks):
            height = max((box.height for box in members[number]), default=0.0)
            tops.append((y, y + height))
            far = max((abs(j.upper.x + j.out - j.lower.x - j.into) for spot in rank for j in spot.below), default=0.0)
            edge = any(box.first or box.last for box in [*members[number], *members[min(number + 1, len(members) - 1)]])
            y += height + (self.gap * 0.5 if edge and far < 2 else self.gap) + min(self.gap, far * 0.06)
        return tops

    def _route(
        self,
        link: Link,
        chain: Sequence[_Joint],
        bands: Sequence[tuple[float, float]],
        corners: Mapping[str, tuple[float, float]],
    ) -> list[Station]:
        if not chain:
            return []
        first = self.rank[link.source] if self.rank[link.source] < self.rank[link.target] else self.rank[link.target]
        upper, lower = sorted((link.source, link.target), key=self.rank.__getitem__)
        stations = [Station(chain[0].upper.x + chain[0].out, self._end(upper, corners), bands[first][1])]
        for number, joint in enumerate(chain[1:], start=first + 1):
            stations.append(Station(joint.upper.x, *bands[number]))
        end = corners[lower][1]
        straight = bands[first + len(chain)][0] - (STRAIGHT if self.boxes[lower].height else 0.0)
        stations.append(Station(chain[-1].lower.x + chain[-1].into, straight, end))
        if upper != link.source:
            return [Station(one.x, one.end, one.start) for one in reversed(stations)]
        return stations

    def _end(self, box: str, corners: Mapping[str, tuple[float, float]]) -> float:
        return corners[box][1] + self.boxes[box].height


def _ranks(boxes: Sequence[Box], links: Sequence[Link]) -> dict[str, int]:
    """Each box one below the lowest that it needs; what needs nothing stands right above what takes it."""
    needs: dict[str, list[str]] = {box.id: [] for box in boxes}
    for link in links:
        if link.source != link.target:
            needs[link.target].append(link.source)
    while circle := graph.cycle(needs):
        needs[circle[1]].remove(circle[0])
    ordered = graph.order(needs)
    start = int(any(box.first for box in boxes))
    rank: dict[str, int] = {}
    firsts = {box.id for box in boxes if box.first}
    for box in ordered:
        rank[box] = 0 if box in firsts else max((rank[need] + 1 for need in needs[box]), default=start)
    takers: dict[str, list[int]] = {}
    for box, needed in needs.items():
        for need in needed:
            takers.setdefault(need, []).append(rank[box])
    for box in ordered:
        if not needs[box] and box in takers and box not in firsts:
            rank[box] = min(takers[box]) - 1
    lasts = [box.id for box in boxes if box.last]
    lowest = max((rank[box] for box in ordered if box not in lasts), default=0)
    return rank | dict.fromkeys(lasts, lowest + 1)


def _middle(joint: _Joint, place: Mapping[int, int], *, up: bool) -> float:
    """Where a joint ends in the order of a rank: the spot's number, and a part of it for where at the spot."""
    spot, offset = (joint.upper, joint.out) if up else (joint.lower, joint.into)
    return place[id(spot)] + (0.9 * offset / spot.width if spot.width else 0.0)


def _crossed(left: _Spot, right: _Spot, place: Mapping[int, int]) -> int:
    """How often the joints of two neighbours cross when they stand so."""
    found = 0
    for joints, others, up in ((left.above, right.above, True), (left.below, right.below, False)):
        ends = [_middle(joint, place, up=up) for joint in others]
        found += sum(end < _middle(joint, place, up=up) for joint in joints for end in ends)
    return found


def _wanted(spot: _Spot, *, down: bool, both: bool) -> tuple[float, float]:
    """Where a spot is wanted, and how much: the middle of its neighbours, each as strong as their joint pulls."""
    above = [(joint.upper.x + joint.out - joint.into, joint.pull) for joint in spot.above]
    below = [(joint.lower.x + joint.into - joint.out, joint.pull) for joint in spot.below]
    near = [*above, *below] if both else (above if down else below)
    pull = sum(pull for _, pull in near)
    return (sum(x * pull for x, pull in near) / pull, pull) if near else (spot.x, LOOSE)


def _settle(rank: Sequence[_Spot], wanted: Sequence[tuple[float, float]]) -> float:
    """Move the spots of a rank as near to where they are wanted as their order and widths allow: least squares with
    distances, which is isotonic regression (pool adjacent violators, Ayer et al. 1955). Gives the longest move.
    """
    offsets, offset = [], 0.0
    for number, spot in enumerate(rank):
        if number:
            before = rank[number - 1]
            offset += (before.width + spot.width) / 2 + max(before.aside, spot.aside)
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []  # mean, weight, members
    for (x, pull), shift in zip(wanted, offsets, strict=True):
        mean, weight, members = x - shift, pull, 1
        while pools and pools[-1][0] > mean:
            other, more, count = pools.pop()
            mean, weight, members = (mean * weight + other * more) / (weight + more), weight + more, members + count
        pools.append((mean, weight, members))
    means = [mean for mean, _, members in pools for _ in range(members)]
    moved = 0.0
    for spot, mean, shift in zip(rank, means, offsets, strict=True):
        moved = max(moved, abs(mean + shift - spot.x))
        spot.x = mean + shift
    return moved
