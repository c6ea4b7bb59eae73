"""A plan as JSON, in the format of schemas/plan.schema.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from wanflow.canon import lined
from wanflow.model import Action, Decision, Terms
from wanflow.planning.planned import Plan
from wanflow.record import money

FORMAT_VERSION = 1


def plan_head(plan: Plan) -> dict[str, Any]:
    """Everything of a plan's JSON but its decisions (schema: schemas/plan.schema.json)."""
    totals = plan.totals
    return {
        "format_version": FORMAT_VERSION,
        "recipe": plan.recipe.name,
        "backend": plan.backend,
        "place": plan.place,
        "flags": plan.flags,
        "totals": {
            "jobs": totals.jobs,
            "run": totals.run,
            "reuse": totals.reuse,
            "later": totals.later,
            "skip": totals.skip,
            "parked": totals.parked,
            "picks_open": totals.picks,
            "restore": totals.restore,
            "fetch": len(plan.fetches),
            "paid_tasks": totals.paid_tasks,
            "images": totals.images,
            "images_paid": totals.images_paid,
            "currency": "USD",
            "usd": None if _unpriced(plan, Action.RUN) else money(totals.usd),
            "usd_expected": None if totals.unpriced else money(totals.usd_expected),
            "usd_worst": None if totals.unpriced else money(totals.usd_worst),
            "in_flight": totals.in_flight,
            "usd_reserved": money(totals.usd_reserved),
            "uncertain": totals.uncertain,
            "usd_uncertain": money(totals.usd_uncertain),
            "images_after_picks": totals.images_after,
            "usd_after_picks": money(totals.usd_after),
            "seconds": round(totals.seconds, 1),
            "seconds_worst": round(totals.seconds_worst, 1),
        },
        "lanes": _lanes(plan),
        "prices": _prices(plan),
        "problems": [problem.json() for problem in plan.problems],
        "notes": plan.notes,
    }


def _lanes(plan: Plan) -> list[dict[str, Any]]:
    """What each lane has to do, the one that decides first."""
    return [
        {
            "lane": lane.lane,
            "jobs": lane.jobs,
            "slots": lane.limits.slots,
            "per_second": lane.limits.per_second,
            "seconds": round(lane.seconds, 1),
        }
        for lane in plan.forecast.lanes
    ]


def _prices(plan: Plan) -> list[dict[str, Any]]:
    """The price of an image of each model that the plan pays for, how many of them, and where the price is from."""
    images: Counter[str] = Counter()
    terms: dict[str, Terms] = {}
    for step in plan.steps:
        if plan.is_paid(step.id) and (number := plan.images_once(step.id)):
            images[str(step.model)] += number
            terms[str(step.model)] = plan.terms[step.id]
    return [_price(model, images[model], terms[model]) for model in sorted(images)]


def _price(model: str, images: int, terms: Terms) -> dict[str, Any]:
    return {
        "model": model,
        "images": images,
        "usd": money(terms.usd),
        "amount": str(terms.price.amount) if terms.price else None,
        "currency": terms.price.currency if terms.price else None,
        "date": terms.price.date if terms.price else None,
        "source": terms.price_source,
    }


def plan_json(plan: Plan) -> Iterator[str]:
    """The plan as JSON text in pieces, so that a hundred thousand jobs need no memory of their own."""
    functions = {step.id: step.function.name for step in plan.steps}
    decisions = (_decision(plan, row, decision, functions[decision.step]) for row, decision in plan.decisions())
    return lined(plan_head(plan), decisions=decisions)


def _decision(plan: Plan, row: str, decision: Decision, function: str) -> dict[str, Any]:
    is_open, usd = decision.action in (Action.RUN, Action.LATER), plan.terms[decision.step].usd
    usd = (None if usd is None else usd * decision.images) if plan.costs(decision) else Decimal(0)
    return {
        "job": f"{row}/{decision.step}",
        "function": function,
        "action": decision.action.value,
        "reason": decision.reason.value,
        "fidelity": _fidelity(plan, decision),
        "changes": [{"field": c.field, "old": c.old, "new": c.new} for c in decision.changes],
        "images": decision.images if is_open else 0,
        "usd": money(usd),
        "rerolls": decision.rerolls,
        "usd_reserved": money(decision.usd_reserved),
        "candidates": _candidates(decision),
        "note": decision.note,
    }


def _candidates(decision: Decision) -> list[dict[str, Any]]:
    """The pictures that a person may choose among, and whether each goes on."""
    if not decision.chosen:
        return []
    picked = {blob.sha256 for blob in decision.chosen.pictures}
    return [{"sha256": blob.sha256, "picked": blob.sha256 in picked} for blob in decision.chosen.candidates]


def _unpriced(plan: Plan, action: Action) -> bool:
    """Whether any job that is to be done so has no known price."""
    return any(plan.to_pay(step)[action] for step, terms in plan.terms.items() if terms.usd is None)


def _fidelity(plan: Plan, decision: Decision) -> str | None:
    """What the job's picture is, or what it will be at worst; None where there is none or it was not looked up."""
    if decision.action in (Action.RUN, Action.LATER):
        return plan.terms[decision.step].fidelity
    return decision.result.fidelity if decision.result else None
