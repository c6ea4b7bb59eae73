"""Which of the jobs that earlier runs told of, or that are paid for, a selection means: by their addresses alone.

There is no recipe here, so what needs what is not known, nor what a plan would say of a job.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wanflow.errors import UsageError
from wanflow.language.selection import Selection, State, Wish
from wanflow.model import RUN, Status

# A step of a recipe that another one uses: restore@a-0.4.detail. In the name of an instance, digits may follow a dot.
_DOT = re.compile(r"\.(?=[a-z])")
_INSTANCE = re.compile(r"@.*?(?=\.[a-z]|$)")
_FAILED = (Status.FAILED, Status.REFUSED)


@dataclass(frozen=True, slots=True)
class _Node:
    """A step, by its name."""

    id: str
    per_run: bool
    needs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        within = {self.id[: dot.start()] for dot in _DOT.finditer(self.id)} | {self.id}
        return frozenset(within | {_INSTANCE.sub("", name) for name in within})


def picker(
    select: Sequence[str], outcomes: Iterable[Mapping[str, Any]], others: Iterable[str]
) -> Callable[[str], bool]:
    """Whether a job is selected, of the jobs of these outcomes (newest first) and these other ones. Raises UsageError
    for a selection that can't be read, asks for more than addresses tell, or names what is not among them.
    """
    for text in select:
        if found := re.search(r"(?:^|[\s,])(\+|tag:|state:(?!failed\b)\w*)|(\+)(?:[\s,]|$)", text):
            asked = found.group(1) or found.group(2)
            raise UsageError(
                f"-s {text}: {asked} asks for the recipe; here rows, steps, jobs and state:failed are known"
            )
    last: dict[str, str] = {}
    for outcome in outcomes:
        last.setdefault(outcome["job"], outcome["status"])
    jobs = {job: _parted(job) for job in (*last, *others)}
    failed: dict[str, set[str]] = defaultdict(set)
    for job, status in last.items():
        if status in _FAILED:
            failed[jobs[job][0]].add(jobs[job][1])
    nodes = {step: _Node(step, row == RUN) for row, step in jobs.values()}
    states = {State.FAILED: {row: frozenset(steps) for row, steps in failed.items()}}
    selection = Selection(list(nodes.values()), Wish(tuple(select)), states)
    for row in {row for row, _ in jobs.values()}:
        selection.note_row(row)
    selection.require_rows()
    return lambda job: _parted(job)[1] in selection.of(_parted(job)[0])


def _parted(job: str) -> tuple[str, str]:
    row, _, step = job.rpartition("/")
    return row, step
