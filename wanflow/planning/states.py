"""By what state a job can be selected, as a plan of everything finds it: new, changed, missing, failed, parked."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from wanflow.language.selection import State, States
from wanflow.model import Action, Decision, Reason, Status
from wanflow.planning.planned import Plan
from wanflow.store.index import Index

# How far back a failure is looked for.
RUNS = 20
_CHANGED = (
    Reason.INPUT_CHANGED,
    Reason.PARAMS_CHANGED,
    Reason.FUNCTION_CHANGED,
    Reason.MODEL_CHANGED,
    Reason.PICK_CHANGED,
    Reason.TAKE,
    Reason.REROLLED,
)
_MISSING = (Reason.OUTPUT_MISSING, Reason.OUTPUT_MODIFIED)
# What says nothing of whether a job can be done.
_SILENT = (Status.EXCLUDED, Status.NOT_STARTED, Status.LEFT, Status.BLOCKED, Status.PARKED)


def states_of(plan: Plan, index: Index, runs: Path) -> States:
    """The jobs of each state, by row, from a plan without a selection and the records of earlier runs."""
    failed = _failed(plan.recipe.name, runs)
    found: dict[State, dict[str, set[str]]] = {state: defaultdict(set) for state in State}
    for row, decision in plan.decisions():
        address = f"{row}/{decision.step}"
        if state := _state(decision, plan, index, address):
            found[state][row].add(decision.step)
        if address in failed and decision.action is not Action.REUSE:
            found[State.FAILED][row].add(decision.step)
    return {state: {row: frozenset(steps) for row, steps in rows.items()} for state, rows in found.items()}


def _state(decision: Decision, plan: Plan, index: Index, address: str) -> State | None:
    if decision.reason is Reason.NEW:
        return State.NEW
    if decision.reason in _CHANGED:
        return State.CHANGED
    if decision.reason in _MISSING:
        return State.MISSING
    if decision.reason is Reason.PARKED:
        return State.PARKED
    # What it takes is made anew, and whether the same comes out is not known yet; or its own picture is on its way.
    if decision.action is Action.LATER or decision.reason in (Reason.IN_FLIGHT, Reason.UNCERTAIN):
        return State.CHANGED if index.last_key(plan.identity, address) else State.NEW
    return None


def _failed(recipe: str, runs: Path) -> set[str]:
    """The jobs whose last try failed, or was refused by the service."""
    last: dict[str, str] = {}
    for path in sorted(runs.glob("*/run.json"), reverse=True)[:RUNS]:
        # A record that can't be read says nothing; the others still do.
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            record = json.loads(path.read_text(encoding="utf-8"))
            for outcome in record["outcomes"] if record["recipe"] == recipe else ():
                if outcome["status"] not in _SILENT:
                    last.setdefault(outcome["job"], outcome["status"])
    return {job for job, status in last.items() if status in (Status.FAILED, Status.REFUSED)}
