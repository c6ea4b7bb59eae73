"""How far a run is, by step and by lane: counts, rates, and the time that is left. Pure; times are the caller's, in
seconds.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from wanflow.model import Action, Outcome, Status
from wanflow.planning.planned import Plan
from wanflow.running.listener import LaneUse, Usage

# Rates are those of the last minute.
SPAN_S = 60.0
# What the plan says of a lane's pace weighs at first as much as so many jobs that were measured, and less with each.
TRUST = 1.0
_WORKED = (Status.DONE, Status.FAILED)
_OPEN = (Status.NOT_STARTED, Status.LEFT)


@dataclass(slots=True)
class StepCourse:
    """One step: `expected` jobs were open when the run began, `ended` of them are not any more; `counts` by status has
    only those.
    """

    step: str
    lane: str
    expected: int
    settled: int  # jobs that the plan knew the end of, which are told first
    counts: Counter[Status] = field(default_factory=Counter)

    @property
    def ended(self) -> int:
        """How many jobs are over."""
        return min(self.expected, self.counts.total())


@dataclass(slots=True)
class LaneCourse:
    """One lane: `worked` jobs were done or failed, the last of them `last` seconds after the beginning; `planned_s` is
    what the plan gives it for each.
    """

    planned_s: float
    worked: int = 0
    last: float = 0.0
    recent: deque[float] = field(default_factory=deque)
    sent: deque[tuple[float, int]] = field(default_factory=deque)

    def job_s(self) -> float:
        """How often the lane ends a job: as planned at first, then more and more as measured."""
        return (self.trust * self.planned_s + self.last) / (self.trust + self.worked)

    @property
    def trust(self) -> float:
        """The jobs that the plan still stands for."""
        return TRUST / (1 + self.worked)


class Course:
    """One run of a plan that began at `began`."""

    def __init__(self, plan: Plan, began: float) -> None:
        self.began = began
        known = Counter(step.step for _, step in plan.looked_at() if step.action not in (Action.RUN, Action.LATER))
        self.steps = {
            step.id: StepCourse(
                step.id,
                plan.terms[step.id].lane,
                plan.by_step[step.id][Action.RUN] + plan.by_step[step.id][Action.LATER],
                known[step.id],
            )
            for step in plan.steps
        }
        self.lanes = {lane.lane: LaneCourse(lane.seconds / lane.jobs) for lane in plan.forecast.lanes if lane.jobs}
        # What the lanes wait for each other, beyond what the fullest one has to do.
        self._waits_s = plan.forecast.seconds - max((lane.seconds for lane in plan.forecast.lanes), default=0.0)

    @property
    def expected(self) -> int:
        """The jobs that were open at the beginning."""
        return sum(step.expected for step in self.steps.values())

    @property
    def ended(self) -> int:
        """Those of them that are over."""
        return sum(step.ended for step in self.steps.values())

    def finished(self, outcome: Outcome, step: str, now: float) -> None:
        """A job ended."""
        course = self.steps[step]
        if course.settled:
            course.settled -= 1
            return
        if outcome.status in _OPEN:
            return
        course.counts[outcome.status] += 1
        if outcome.status in _WORKED and (lane := self.lanes.get(course.lane)):
            lane.worked, lane.last = lane.worked + 1, now - self.began
            lane.recent.append(now)

    def left_s(self, now: float) -> float:
        """How long the rest takes: each lane at its pace, and the waits for each other as far as they are ahead."""
        if not (open_jobs := self.expected - self.ended):
            return 0.0
        left_s, busiest = max(((self._lane_s(name, now), name) for name in self.lanes), default=(0.0, ""))
        lane = self._lane(busiest)
        # What was measured has the waits in it.
        planned = lane.trust / (lane.trust + lane.worked)
        return left_s + self._waits_s * planned * open_jobs / self.expected

    def _lane_s(self, name: str, now: float) -> float:
        lane = self.lanes[name]
        left = sum(step.expected - step.ended for step in self.steps.values() if step.lane == name)
        # The next job is on its way since the last one ended, and never takes less than nothing.
        under_way = min(now - self.began - lane.last, lane.job_s())
        return left * lane.job_s() - under_way if left else 0.0

    def lane_minute(self, lane: str, now: float) -> float:
        """Jobs that a lane ended, a minute."""
        recent = self._lane(lane).recent
        while recent and now - recent[0] > SPAN_S:
            recent.popleft()
        return len(recent) * 60 / self._span_s(now)

    def sent_minute(self, use: LaneUse, now: float) -> float:
        """Submissions of a lane, a minute."""
        sent = self._lane(use.lane).sent
        if not sent or now - sent[-1][0] >= 1:
            sent.append((now, use.sent))
        while len(sent) > 1 and now - sent[1][0] >= SPAN_S:
            sent.popleft()
        before = sent[0][1] if now - self.began > SPAN_S else 0
        return (use.sent - before) * 60 / self._span_s(now)

    def _lane(self, name: str) -> LaneCourse:
        return self.lanes.setdefault(name, LaneCourse(0.0))

    def _span_s(self, now: float) -> float:
        return min(SPAN_S, max(now - self.began, 1.0))

    def uses(self, usage: Usage) -> list[LaneUse]:
        """The lanes that have work in this run, or do some."""
        return [use for use in usage.lanes if use.lane in self.lanes or use.busy]
