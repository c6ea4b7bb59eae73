"""wanflow is make for Wan image edits: recipes, priced plans, cached runs.

    import wanflow

    plan = wanflow.plan("restore.yaml", params={"upscale": 4})
    print(plan.totals.usd, plan.totals.seconds)
    outcome = wanflow.run("restore.yaml")
    outcome.rows["0001"].outputs["master"]

docs/python.md is the guide. What stands in __all__ is what programs may rely on.
"""

from __future__ import annotations

__version__ = "0.1.0"
# Type checkers take it for true; to import typing would take most of this module's time.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from wanflow.errors import Problem, RecipeError, RefusedError, StoreError, UsageError, WanflowError
    from wanflow.python.choices import Choices
    from wanflow.python.door import check, explain, plan, report, run, status
    from wanflow.python.values import (
        Job,
        JobOutcome,
        Plan,
        PlannedStep,
        PlanTotals,
        RowOutcome,
        Run,
        RunTotals,
        Told,
    )

__all__ = [
    "Choices",
    "Job",
    "JobOutcome",
    "Plan",
    "PlanTotals",
    "PlannedStep",
    "Problem",
    "RecipeError",
    "RefusedError",
    "RowOutcome",
    "Run",
    "RunTotals",
    "StoreError",
    "Told",
    "UsageError",
    "WanflowError",
    "check",
    "explain",
    "plan",
    "report",
    "run",
    "status",
]

# Where each name is from. They are loaded when first used, since the command line needs few of them.
_HOMES = {
    "wanflow.errors": ("Problem", "RecipeError", "RefusedError", "StoreError", "UsageError", "WanflowError"),
    "wanflow.python.choices": ("Choices",),
    "wanflow.python.door": ("check", "explain", "report", "plan", "run", "status"),
    "wanflow.python.values": (
        "Job",
        "JobOutcome",
        "Plan",
        "PlanTotals",
        "PlannedStep",
        "RowOutcome",
        "Run",
        "RunTotals",
        "Told",
    ),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            found: object = getattr(import_module(home), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'wanflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
