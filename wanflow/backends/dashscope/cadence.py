"""When to ask after which task: pure, times in and times out (seconds of the caller's clock, which never runs back).

Tasks of one model are worked on in order of submission, so many at once as the account may run. A task that waits
behind others is hardly asked after; one that is worked on is first asked after when the quickest of its kind would be
done, then at short intervals. What a kind takes is learnt from the tasks that end; the first ones are asked after ever
half as often, since nobody knows. All together keep one limit of queries a second, and whoever is due first goes first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from wanflow.limits.pace import look_gap_s
from wanflow.wire.answers import TaskStatus

# The provider allows 20 queries a second to the whole account; others may ask too.
QUERIES_PER_S = 15.0
FIRST_LOOK_S = 0.5
IDLE_GAP_S = 30.0
REMEMBERED, ENOUGH = 32, 4
CLOCK_ERROR_S = 1.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What decides how long a task takes: the model, the function, and how many images; with what is said of it."""

    model: str
    function: str
    images: int
    slots: int = field(compare=False)
    typical_s: tuple[float, float] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Times:
    """When the provider says that a task was submitted, begun and ended: seconds of its own clock."""

    submitted: float | None = None
    began: float | None = None
    ended: float | None = None


@dataclass(slots=True)
class _Watch:
    task_id: str
    kind: Kind
    submitted: float
    due: float
    # When it began or may have begun; None while it waits behind others.
    began: float | None = None
    # When it was last known not to be done.
    undone: float = 0.0
    under_way: bool = False
    misses: int = 0


class Cadence:
    """The schedule of queries for all tasks of one account."""

    def __init__(self) -> None:
        self._watches: dict[str, _Watch] = {}
        self._slots: dict[str, int] = {}
        self._seen: dict[Kind, deque[float]] = {}
        self._free_at = float("-inf")

    def add(self, task_id: str, kind: Kind, submitted: float) -> None:
        """Begin to ask after a task."""
        self._watches[task_id] = _Watch(task_id, kind, submitted, submitted + IDLE_GAP_S, undone=submitted)
        self._slots[kind.model] = max(kind.slots, self._slots.get(kind.model, 0))
        self._go_up(kind.model, submitted)

    def remove(self, task_id: str) -> None:
        """Ask no more after a task."""
        self._watches.pop(task_id, None)

    def next(self) -> tuple[float, str] | None:
        """When the next query may go out, and after which task; None when there is nothing to ask."""
        waiting = (watch for watch in self._watches.values() if not watch.under_way)
        first = min(waiting, key=lambda watch: watch.due, default=None)
        return (max(first.due, self._free_at), first.task_id) if first else None

    def asked(self, task_id: str, now: float) -> None:
        """A query goes out."""
        self._watches[task_id].under_way = True
        self._free_at = max(now, self._free_at) + 1 / QUERIES_PER_S

    def answered(self, task_id: str, status: TaskStatus, now: float, times: Times) -> None:
        """An answer came."""
        if not (watch := self._watches.get(task_id)):
            return
        watch.under_way, watch.misses = False, 0
        began, ended = _ours(watch, times, now)
        watch.began = began if began is not None else watch.began
        if status.is_over:
            self._end(watch, status, ended if ended is not None else (watch.undone + now) / 2)
            return
        watch.undone = now
        if status is TaskStatus.RUNNING:
            self._widen(watch)
            watch.began = now if watch.began is None else watch.began
            watch.due = self._next_look(watch, now)
        elif watch.began is None:
            watch.due = now + IDLE_GAP_S
        else:  # it should have begun, and has not: others use the account, or its queue is in another order
            watch.began = now
            watch.due = now + min(max(now - watch.submitted, FIRST_LOOK_S), self._span(watch.kind)[0])

    def unanswered(self, task_id: str, now: float, wait_s: float = 0.0, *, everybody: bool = False) -> None:
        """A query failed: ask again after `wait_s` or more; `everybody` waits where all queries were too many."""
        if watch := self._watches.get(task_id):
            watch.under_way = False
            watch.misses += 1
            watch.due = now + max(wait_s, min(IDLE_GAP_S, 2.0 ** min(watch.misses - 1, 10)))
        if everybody:
            self._free_at = max(self._free_at, now + max(wait_s, 1.0))

    def misses(self, task_id: str) -> int:
        """How many queries after a task failed in a row."""
        return self._watches[task_id].misses if task_id in self._watches else 0

    def _end(self, watch: _Watch, status: TaskStatus, ended: float) -> None:
        self.remove(watch.task_id)
        # What fails or is canceled ends early and says nothing of the others.
        if status is TaskStatus.SUCCEEDED and watch.began is not None:
            seen = self._seen.setdefault(watch.kind, deque(maxlen=REMEMBERED))
            seen.append(max(0.0, ended - watch.began))
        self._go_up(watch.kind.model, ended)

    def _go_up(self, model: str, freed: float) -> None:
        """Those in front of a model's queue begin now, at the time when a slot became free."""
        for watch in self._queue(model)[: self._slots[model]]:
            if watch.began is None:
                watch.began = max(watch.submitted, freed)
                watch.undone = max(watch.undone, watch.began)
                watch.due = self._next_look(watch, watch.began)

    def _widen(self, watch: _Watch) -> None:
        """A task is worked on that was thought to wait: the account has more slots than was said."""
        place = self._queue(watch.kind.model).index(watch) + 1
        if watch.began is None and place > self._slots[watch.kind.model]:
            self._slots[watch.kind.model] = place
            self._go_up(watch.kind.model, watch.submitted)

    def _queue(self, model: str) -> list[_Watch]:
        watches = (watch for watch in self._watches.values() if watch.kind.model == model)
        return sorted(watches, key=lambda watch: watch.submitted)

    def _span(self, kind: Kind) -> tuple[float, float]:
        """The shortest and the longest time that a kind takes, as far as is known."""
        seen = self._seen.get(kind)
        if not seen:
            return kind.typical_s
        return (min(seen), max(seen)) if len(seen) >= ENOUGH else (min(seen) / 2, max(seen) * 2)

    def _next_look(self, watch: _Watch, now: float) -> float:
        """When to ask after a task that is worked on."""
        shortest, longest = self._span(watch.kind)
        began = now if watch.began is None else watch.began
        age = now - began
        if age < shortest:
            # What is said of a model may be far off (an emulator that runs fast), and one that ends shows it.
            return began + (shortest if watch.kind in self._seen else min(max(2 * age, FIRST_LOOK_S), shortest))
        gap = look_gap_s(shortest, longest)
        # Later than any before it: each wait a quarter of the time that it has taken already.
        return now + (gap if age <= longest else min(max(gap, age / 4), IDLE_GAP_S))


def _ours(watch: _Watch, times: Times, now: float) -> tuple[float | None, float | None]:
    """When a task began and ended by our clock; None where the provider says nothing or what can't be.

    The submission is the moment that both clocks have seen.
    """
    if times.submitted is None or times.began is None:
        return None, None
    offset = watch.submitted - times.submitted
    began = times.began + offset
    ended = times.ended + offset if times.ended is not None else None
    order = [watch.submitted - CLOCK_ERROR_S, began, ended if ended is not None else began, now + CLOCK_ERROR_S]
    return (began, ended) if order == sorted(order) else (None, None)
