"""What a recipe asks for, whatever is made of it already: every job's request, down to the files that it starts from.

A request is known by what its key would be if nothing were stored: pictures that no step makes by their digests, those
that a step makes by the request that makes them, with the candidates that people chose on the way. So two states of a
project, or of its recipe, can be held against each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wanflow.canon import JSON, canonical, digest
from wanflow.choosing.picks import Picks
from wanflow.language import graph
from wanflow.model import RUN, Change
from wanflow.planning.plan import Planner
from wanflow.planning.reasons import compare

# How a key names a picture that is still to be made: by the key of the request that makes it.
MADE = "?"
# And one that is still to be chosen: by nothing.
PICKED = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What one job asks for: the parts of its key (see expand.key_parts), and what people chose before it, by step."""

    parts: Sequence[JSON]
    chosen: Mapping[str, JSON]

    @property
    def identity(self) -> str:
        """The same for equal requests, wherever they stand."""
        return digest([self.parts, self.chosen])

    def changes(self, old: Request) -> tuple[Change, ...]:
        """The fields that differ, but for pictures whose own requests do."""
        changes = compare(old.parts, canonical(self.parts))[1]
        before, now = old.inputs, self.inputs
        own = [one for one in changes if not (_is_made(before.get(one.field)) and _is_made(now.get(one.field)))]
        picks = [
            Change(f"pick of {step}", _shown(old.chosen.get(step)), _shown(self.chosen.get(step)))
            for step in sorted({*old.chosen, *self.chosen})
            if old.chosen.get(step) != self.chosen.get(step)
        ]
        return (*own, *picks)

    @property
    def inputs(self) -> Mapping[str, str]:
        """What it takes, by slot: digests, or requests."""
        found = self.parts[4]
        return found if isinstance(found, dict) else {}


def requests(planner: Planner) -> dict[str, Request]:
    """The request of every job that a planner looked at, by address; it has to know of no result (store.blank)."""
    return dict(_requests(planner))


def _requests(planner: Planner) -> Iterator[tuple[str, Request]]:
    steps, picks = planner.plan.steps, planner.picks
    needs = {step.id: step.needs for step in steps}
    before = {step.id: graph.with_ancestors(needs, step.needs) for step in steps} if picks.choices else {}
    of_run = {step.id for step in steps if step.per_run}
    for address, resolved in planner.decider.resolved.items():
        step = resolved.job.step.id
        chosen = _chosen(picks, resolved.job.row.key, before[step] - of_run) if before else {}
        yield address, Request(json.loads(resolved.parts), chosen)


def _chosen(picks: Picks, row: str, steps: set[str]) -> dict[str, JSON]:
    """What people chose of these steps in a row, or in all of them for what is made once for the whole run."""
    if row != RUN:
        return {step: list(digests) for step in sorted(steps) if (digests := picks.choice(row, step))}
    of_steps = {place: choice for place, choice in picks.choices.items() if place[1] in steps}
    return {f"{step} of {key}": list(choice.digests) for (key, step), choice in sorted(of_steps.items())}


def _is_made(symbol: str | None) -> bool:
    return symbol is not None and symbol[:1] in (MADE, PICKED)


def _shown(digests: JSON) -> str:
    return ", ".join(str(one)[:12] for one in digests) if isinstance(digests, list) and digests else "(none)"
