"""Jobs that cost more than a run may still spend: they wait for what others give back, and everything else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from wanflow.errors import sentence
from wanflow.limits.budget import Budget
from wanflow.paying.attempts import OverBudget
from wanflow.running.schedule import Job


class PutOff:
    """Those of one run, with what each costs (None: not known)."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note, self._told = note, False
        self._jobs: dict[Job, Decimal | None] = {}

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def add(self, jobs: Iterable[Job], over: OverBudget) -> None:
        """Jobs that the same task would do; the first time it is told why."""
        self._jobs.update(dict.fromkeys(jobs, over.usd))
        if not self._told:
            self._told = True
            self._note(f"{sentence(str(over))} It is not started; what fits, or is free, goes on")

    def take(self, budget: Budget) -> list[Job]:
        """Those that fit after all, which wait no more: a task that failed gave its price back."""
        fit = [job for job, usd in self._jobs.items() if budget.allows(usd)]
        for job in fit:
            del self._jobs[job]
        return fit
