"""The live view of a run: progress by step and by lane, time and money left, the last failures and notes, redrawn in
place at the end of the terminal's text.

Never more lines than the screen has, nor wider: the size is asked for each time, so that a window may be resized at
will. What moves out of it stays above as plain lines, and so does all that it still shows when it closes.
"""

from __future__ import annotations

import io
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from wanflow.errors import inline
from wanflow.model import Outcome, Status
from wanflow.planning.planned import Plan
from wanflow.running.listener import LaneUse, Usage
from wanflow.telling.course import Course, StepCourse
from wanflow.telling.review import where
from wanflow.telling.stream import is_others, tell
from wanflow.telling.words import count, dollars, duration

KEPT = 3  # failures and notes that stay in view
LEAST_BAR, MOST_BAR = 10, 30
# Bars stand only where there is room for them beside names and numbers.
BAR_FROM = 60
_TOLD = {
    Status.DONE: "green",
    Status.REUSED: "cyan",
    Status.FAILED: "red",
    Status.BLOCKED: "red",
    Status.REFUSED: "red",
    Status.SKIPPED: "dim",
    Status.PARKED: "yellow",
}
_BAD = (Status.FAILED, Status.BLOCKED, Status.REFUSED)


@dataclass(slots=True)
class View:
    """What is shown, as values; `lines` draws it for any size. Texts are printable already, each on one line."""

    title: str
    course: Course
    usage: Usage = field(default_factory=Usage)
    failures: Sequence[str] = ()
    notes: Sequence[str] = ()

    def lines(self, columns: int, rows: int, now: float) -> list[Text]:
        """The view in so many columns and rows at most."""
        uses = self.course.uses(self.usage)
        head = list(_flowing(self._head(now), columns))[: max(1, rows - 1)]
        steps, lanes = list(self.course.steps.values()), [self._lane(use, uses, columns, now) for use in uses]
        steps = [step for step in steps if step.expected]
        told = [len(steps), len(lanes), len(self.failures), len(self.notes)]
        shares = _shares(told, rows - len(head))
        parts = [
            self._steps(steps, shares[0], columns),
            lanes[: shares[1]],
            [Text(f"  ✗ {text}", "red") for text in self.failures[len(self.failures) - shares[2] :]],
            [Text(f"  {text}") for text in self.notes[len(self.notes) - shares[3] :]],
        ]
        found = [*head, *(line for part in parts for line in part)][:rows]
        for line in found:
            line.truncate(columns, overflow="ellipsis")
        return found

    def table(self, columns: int) -> list[Text]:
        """How every step went, for the end."""
        steps = [step for step in self.course.steps.values() if step.expected]
        found = self._steps(steps, len(steps), columns)
        for line in found:
            line.truncate(columns, overflow="ellipsis")
        return found

    def _head(self, now: float) -> Iterator[Text]:
        yield Text().append(self.title, "bold")
        yield Text(f"{self.course.ended:,} of {count(self.course.expected, 'job')}")
        yield Text(duration(now - self.course.began))
        if self.usage.stopping:
            yield Text("finishing what is under way", "yellow")
        elif left := self.course.left_s(now):
            yield Text(f"about {duration(left)} left")
        usage = self.usage
        if usage.cap is not None or usage.spent or usage.in_flight:
            of = f" of {dollars(usage.cap)}" if usage.cap is not None else ""
            flight = f", {dollars(usage.in_flight)} in flight" if usage.in_flight else ""
            yield Text(f"{dollars(usage.spent)}{of} spent{flight}")

    def _steps(self, steps: Sequence[StepCourse], most: int, columns: int) -> list[Text]:
        if len(steps) > most:  # what is at work, or will be, rather than what is over
            chosen = sorted(steps, key=lambda step: step.ended == step.expected)[: max(0, most - 1)]
            rest = Text(f"  … and {count(len(steps) - len(chosen), 'more step')}", "dim")
            return [*self._steps(chosen, most, columns), rest][:most]
        names = max((cell_len(step.step) for step in steps), default=0)
        numbers = max((len(_number(step)) for step in steps), default=0)
        return [self._step(step, min(names, columns // 3), numbers, columns) for step in steps]

    def _step(self, step: StepCourse, names: int, numbers: int, columns: int) -> Text:
        line = Text(f"  {set_cell_size(step.step, names)}  ")
        if columns >= BAR_FROM:
            width = min(MOST_BAR, max(LEAST_BAR, columns - names - numbers - 40))
            line.append_text(_bar(step, width)).append("  ")
        line.append(f"{_number(step):>{numbers}}")
        words = [(f"{step.counts[status]:,} {status.value}", style) for status, style in _TOLD.items()]
        words = [word for word, status in zip(words, _TOLD, strict=True) if step.counts[status]]
        for place, (word, style) in enumerate(words):
            line.append(", " if place else "  ").append(word, style)
        return line

    def _lane(self, use: LaneUse, uses: Sequence[LaneUse], columns: int, now: float) -> Text:
        most = columns // 3
        names = min(max(cell_len(_lane_name(one.lane, most)) for one in uses), most)
        slots = f"{use.busy} of {count(use.slots, 'slot')}"
        parts = [slots, *([f"{use.queued} queued"] if use.queued else [])]
        parts += [f"{use.unanswered} unanswered, looked for"] if use.unanswered else []
        parts.append(f"{self.course.lane_minute(use.lane, now):.0f} done/min")
        if use.sent:
            parts.append(f"{self.course.sent_minute(use, now):.0f} sent/min")
        return Text(f"  {set_cell_size(_lane_name(use.lane, most), names)}  {', '.join(parts)}", "dim")


def _number(step: StepCourse) -> str:
    return f"{step.ended:,}/{step.expected:,}"


def _lane_name(lane: str, most: int) -> str:
    """A lane's name; where there is little room, of REGION/MODEL the model, by which lanes differ."""
    return lane if cell_len(lane) <= most else lane.rpartition("/")[2]


def _bar(step: StepCourse, width: int) -> Text:
    bad = sum(step.counts[status] for status in _BAD)
    filled = width * step.ended // step.expected
    red = min(filled, -(-width * bad // step.expected))
    bar = Text().append("━" * (filled - red), "green")
    return bar.append("━" * red, "red").append("─" * (width - filled), "dim")


def _flowing(parts: Iterator[Text], columns: int) -> Iterator[Text]:
    """Parts side by side as far as there is room, else below each other."""
    line = next(parts)
    for part in parts:
        if line.cell_len + 3 + part.cell_len <= columns:
            line.append(" · ", "dim").append_text(part)
        else:
            yield line
            line = Text("  ").append_text(part)
    yield line


def _shares(wanted: Sequence[int], most: int) -> list[int]:
    """How many lines each section gets: one each, then as many as it wants, the first ones first."""
    given = [0] * len(wanted)
    for limit in (1, max(wanted, default=0)):
        for place, want in enumerate(wanted):
            more = min(min(want, limit) - given[place], most)
            given[place], most = given[place] + more, most - more
    return given


class Screen:
    """The last lines of a terminal's text, written over in place."""

    def __init__(self, stream: TextIO, size: Callable[[], os.terminal_size] | None = None) -> None:
        self._stream = stream
        self.size = size or self._asked_size
        self._console = Console(file=io.StringIO(), force_terminal=True, highlight=False, emoji=False, markup=False)
        self._lines: list[Text] = []
        self._width = 0

    def _asked_size(self) -> os.terminal_size:
        try:
            return os.get_terminal_size(self._stream.fileno())
        except OSError:  # the window was closed
            return os.terminal_size((80, 24))

    def draw(self, lines: list[Text], above: str = "") -> None:
        """Show these lines instead of what was shown, and `above` them what shall stay."""
        size = self.size()
        if not above and lines == self._lines and size.columns == self._width:
            return
        drawn = "".join(f"{self._coded(line)}\x1b[K\n" for line in lines)
        said = "".join(f"{line}\x1b[K\n" for line in above.split("\n")) if above else ""
        tell(self._stream, f"{self._home(size)}{said}{drawn}\x1b[J")
        self._lines, self._width = lines, size.columns

    def forget(self) -> None:
        """Others have written since: what is shown next stands below that."""
        self._lines = []

    @property
    def is_others(self) -> bool:
        """Whether another program has the terminal just now."""
        return is_others(self._stream)

    def _home(self, size: os.terminal_size) -> str:
        """Back to the first line. In a window that became narrower, terminals have broken the longer ones."""
        columns = max(1, size.columns)  # some terminals say 0 while they are dragged
        rows = sum(max(1, -(-line.cell_len // columns)) for line in self._lines)
        return f"\r\x1b[{min(rows, size.lines - 1)}A" if rows and size.lines > 1 else "\r"

    def _coded(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", soft_wrap=True)
        return capture.get()


class Live:
    """Shows how a run goes until it is closed; `say` and `fail` take printable text."""

    def __init__(self, screen: Screen, plan: Plan, now: Callable[[], float]) -> None:
        self._screen, self._now = screen, now
        self._failures: deque[tuple[int, str]] = deque()
        self._notes: deque[tuple[int, str]] = deque()
        self._above: list[str] = []
        self._said = 0
        self._view = View(inline(f"{plan.recipe.name} {where(plan)}"), Course(plan, now()))
        self.look: Callable[[], Usage] = Usage
        with suppress(ValueError):  # in a thread nobody is told
            signal.signal(signal.SIGCONT, lambda *_: self._screen.forget())
        self.passed()

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended."""
        self._view.course.finished(outcome, step, self._now())

    def say(self, text: str) -> None:
        """Show a note; the oldest moves out of the view."""
        self._keep(self._notes, f"  {text}")

    def fail(self, text: str) -> None:
        """Show a failure; the oldest moves out of the view."""
        self._keep(self._failures, f"  {text}")

    def _keep(self, kept: deque[tuple[int, str]], text: str) -> None:
        self._said += 1
        kept.append((self._said, text))
        if len(kept) > KEPT:
            self._above.append(kept.popleft()[1])

    def passed(self) -> None:
        """Show how it is now."""
        if self._screen.is_others:
            return
        size, above = self._screen.size(), "\n".join(self._above)
        self._above.clear()
        view = self._view
        view.usage = self.look()
        view.failures = [text.strip() for _, text in self._failures]
        view.notes = [text.strip() for _, text in self._notes]
        self._screen.draw(view.lines(max(1, size.columns - 1), max(1, size.lines - 1), self._now()), above)

    def close(self) -> None:
        """Leave what was last said, and how the steps went, as plain text."""
        with suppress(ValueError):
            signal.signal(signal.SIGCONT, signal.SIG_DFL)
        rest = [*self._above, *(text for _, text in sorted([*self._failures, *self._notes]))]
        self._screen.draw(self._view.table(max(1, self._screen.size().columns - 1)), "\n".join(rest))
