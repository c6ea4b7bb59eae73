"""The figures of GET /__emulator__/stats: what a client did, as its provider saw it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, Protocol

from wanflow.emulator.account import Account
from wanflow.emulator.faults import Faults
from wanflow.emulator.meters import Meter
from wanflow.emulator.options import Options
from wanflow.emulator.tasks import Task


class Observed(Protocol):
    """A service and what it counted."""

    options: Options
    account: Account
    faults: Faults
    refused: Counter[str]
    arrivals: dict[str, Meter]
    queries: dict[str, Meter]


def figures(service: Observed, now: float) -> dict[str, Any]:
    """All figures. Seconds are the emulated clock's; "per second" is the most in any second, refused ones too.

    Duplicates are tasks whose body equals that of one before.
    """
    tasks = list(service.account.tasks.values())
    return {
        "now": now,
        "speed": service.options.speed,
        "tasks": dict(Counter(task.state.value for task in tasks)),
        "submissions": len(tasks),
        "duplicates": len(tasks) - len({task.digest for task in tasks}),
        "paid_twice": _paid_twice(tasks),
        "images_billed": sum(task.billed for task in tasks),
        "cost": _cost(service, tasks),
        "max_queries_per_second": {name: meter.highest for name, meter in service.queries.items()},
        "polls": _polls(tasks),
        "refused": dict(service.refused),
        "faults": dict(service.faults.met),
        "models": {
            name: _model(service, name, tasks) for name in service.account.models if service.arrivals[name].highest
        },
    }


def _paid_twice(tasks: list[Task]) -> int:
    """How many tasks gave images although an equal one did; a new try after a failure is free and doesn't count."""
    paid = [task.digest for task in tasks if task.billed]
    return len(paid) - len(set(paid))


def _cost(service: Observed, tasks: list[Task]) -> dict[str, str]:
    """What the images would have cost, by currency; "unknown" counts images without a known price."""
    sums: dict[str, Decimal] = {}
    for task in tasks:
        if task.billed:
            price = service.account.offer(task.model).price
            currency, amount = (price.currency, price.amount) if price else ("unknown", Decimal(1))
            sums[currency] = sums.get(currency, Decimal(0)) + amount * task.billed
    return {currency: str(amount) for currency, amount in sums.items()}


def _polls(tasks: list[Task]) -> dict[str, float]:
    polls = [task.polls for task in tasks]
    if not polls:
        return {"total": 0, "least": 0, "mean": 0.0, "most": 0}
    return {"total": sum(polls), "least": min(polls), "mean": sum(polls) / len(polls), "most": max(polls)}


def _model(service: Observed, name: str, tasks: list[Task]) -> dict[str, Any]:
    own = [task for task in tasks if task.model == name]
    ended = [task.ended for task in own if task.ended is not None]
    return {
        "tasks": len(own),
        "max_running": service.account.queues[name].max_running,
        "max_submissions_per_second": service.arrivals[name].highest,
        # The bound that no client can beat is the sum over the slots.
        "service_seconds": sum(task.service_s for task in own),
        "slots": service.account.queues[name].slots,
        "first_submitted": min((task.submitted for task in own), default=None),
        "last_ended": max(ended, default=None),
    }
