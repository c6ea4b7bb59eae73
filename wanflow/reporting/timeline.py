"""Which lane did what when, from a run's record; of thousands of jobs, those of a span of time together."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from wanflow.errors import inline
from wanflow.reporting.model import Bar, Lane, Timeline
from wanflow.reporting.records import Record
from wanflow.reporting.rows import ORDER
from wanflow.telling.words import count, duration

# More bars of a lane than this can't be told apart on a page.
MOST_BARS = 600


def timeline(record: Record, pages: Mapping[str, int]) -> Timeline:
    """The lanes of a run; `pages` are the numbers of rows' pages."""
    steps = {str(step["id"]): step for step in record.steps}
    bars: defaultdict[str, list[Bar]] = defaultdict(list)
    for row in record.rows.values():
        for name, outcome in row.outcomes.items():
            for span in outcome.get("worked", ()) if name in steps else ():
                start, seconds = float(span[0]), max(0.0, float(span[1]))
                bar = Bar(
                    {
                        "from": round(start, 3),
                        "to": round(start + seconds, 3),
                        "job": inline(f"{row.key}/{name}"),
                        "row": inline(row.key),
                        "page": pages.get(row.key, 0),
                        "step": inline(name),
                        "status": str(outcome["status"]),
                        "time": duration(seconds),
                        "jobs": 1,
                    }
                )
                bars[str(steps[name]["lane"])].append(bar)
    slots = {str(step["lane"]): int(step.get("slots", 1)) for step in record.steps}
    seconds = max(
        [float(record.head["totals"].get("seconds") or 0), *(bar["to"] for of in bars.values() for bar in of)]
    )
    return Timeline(seconds=seconds, lanes=[_lane(name, slots[name], of, seconds) for name, of in bars.items()])


def _lane(name: str, slots: int, bars: list[Bar], seconds: float) -> Lane:
    bars.sort(key=lambda bar: bar["from"])
    if len(bars) <= MOST_BARS:
        return Lane(name=inline(name), slots=slots, bars=bars, folded=0)
    packed = _packed(bars)
    width = seconds * len(packed) / MOST_BARS or 1.0
    shown = [_together(those) for slot in packed for those in _spans(slot, width)]
    folded = sum(bar["jobs"] for bar in shown if bar["jobs"] > 1)
    return Lane(name=inline(name), slots=slots, bars=sorted(shown, key=lambda bar: bar["from"]), folded=folded)


def _packed(bars: Iterable[Bar]) -> list[list[Bar]]:
    """Bars in order of their start, each in a slot that is free then."""
    packed: list[list[Bar]] = []
    free: list[tuple[float, int]] = []
    for bar in bars:
        if free and free[0][0] <= bar["from"]:
            _, slot = heapq.heappop(free)
        else:
            slot = len(packed)
            packed.append([])
        packed[slot].append(bar)
        heapq.heappush(free, (bar["to"], slot))
    return packed


def _spans(bars: Sequence[Bar], width: float) -> Iterable[list[Bar]]:
    spans: dict[int, list[Bar]] = {}
    for bar in bars:
        spans.setdefault(int(bar["from"] / width), []).append(bar)
    return spans.values()


def _together(bars: Sequence[Bar]) -> Bar:
    if len(bars) == 1:
        return bars[0]
    steps, first = {bar["step"] for bar in bars}, bars[0]
    worst = min((bar["status"] for bar in bars), key=[str(status) for status in ORDER].index)
    return Bar(
        {
            "from": first["from"],
            "to": max(bar["to"] for bar in bars),
            "job": "",
            "row": "",
            "page": 0,
            "step": first["step"] if len(steps) == 1 else "",
            "status": worst,
            "time": count(len(bars), "job"),
            "jobs": len(bars),
        }
    )
