"""What steps that run once for the whole run take: the pictures of all rows, as far as rows were looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from wanflow.language.recipe import Step
from wanflow.model import RUN, Reason, Ref, Row
from wanflow.planning.planned import SHAPES, Plan, Unchanged
from wanflow.planning.supply import Supply


class FanIn:
    """The pictures of one plan's rows that are gathered; of a recipe that gathers none, nothing is kept."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        inputs = [ref for step in plan.run_level.steps for ref in step.inputs.values()]
        self._steps = {one for ref in inputs for one in ref.every if one in plan.row_level.numbers}
        self._supplies: dict[str, dict[str, Supply]] = {}
        self._unlooked: dict[str, Row] = {}

    def gathers(self, step: Step, ref: Ref) -> bool:
        """Whether a step takes these pictures of all rows."""
        return step.per_run and not self._steps.isdisjoint(ref.every)

    def note(self, row: Row, supplies: Mapping[str, Supply]) -> None:
        """A row was looked at; a picture that is not among these is refused."""
        if self._steps and row.key != RUN:
            self._unlooked.pop(row.key, None)
            refused = Supply(absent=Reason.REFUSED)
            self._supplies[row.key] = {step: supplies.get(step, refused) for step in self._steps}

    def note_unchanged(self, row: Row) -> None:
        """A row was recognised whole."""
        if self._steps:
            self._unlooked[row.key] = row

    def unlooked(self) -> Iterator[tuple[int, Row]]:
        """Rows that were recognised whole and have pictures that are gathered, by their place."""
        numbers = [self._plan.row_level.numbers[step] for step in self._steps]
        for place, entry in enumerate(self._plan.entries):
            if entry.key in self._unlooked and isinstance(entry, Unchanged):
                reasons = {SHAPES[entry.shape[number]][1] for number in numbers}
                if reasons != {Reason.SKIPPED}:
                    yield place, self._unlooked[entry.key]

    def of(self, ref: Ref) -> Iterator[Supply]:
        """The pictures of all rows, in their order; why one that should be there isn't."""
        for entry in self._plan.rows:
            of_row = self._supplies.get(entry.key, {})
            for step in ref.every if of_row else ():
                supply = of_row[step]
                if supply.absent and supply.absent not in (Reason.SKIPPED, Reason.EXCLUDED, Reason.PARKED):
                    unfit = supply.absent is Reason.UNFIT
                    why = f"needs {entry.key}/{step}, which {'failed its gate' if unfit else 'is refused'}"
                    supply = replace(supply, absent=Reason.UNFIT if unfit else Reason.REFUSED, why=why)
                yield supply
