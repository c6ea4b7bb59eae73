"""What a plan says, and a run does, about jobs that were sent and paid for, or may have been, by an earlier run."""

from __future__ import annotations

import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from fakes import PRICE
from jsonschema import Draft202012Validator
from projects import Heard
from test_salvage_runs import Account, Backend, recipe, run, tasks

from wanflow import api
from wanflow.backends.provider import ProviderBackend
from wanflow.backends.services import Services
from wanflow.clock import RealClock
from wanflow.documents.schemas import load
from wanflow.errors import RefusedError
from wanflow.model import Account as Payer
from wanflow.model import Reason
from wanflow.planning.planjson import plan_json
from wanflow.planning.planned import Plan
from wanflow.settings import ProviderSettings, state_folder
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import Owner, State
from wanflow.telling.narrator import Narrator
from wanflow.telling.plantext import plan_text

__all__ = ["recipe"]
BUDGET = "budget: 0.01\n"


class Keyless(Backend):
    """Plans must not ask for a key."""

    def account(self) -> NoReturn:
        raise AssertionError("a plan asked for a key")


class Unnamed(Keyless):
    """Its account is told by the key alone."""

    def named_account(self) -> None:
        return None


class Rekeyed(Backend):
    """Its key was changed."""

    def account(self) -> Payer:
        return Payer("another", "another account")

    def named_account(self) -> None:
        return None


def planned(recipe: Path, backend: type[Backend] = Keyless, **more: Any) -> Plan:
    account = Account()
    backends = {"draft": lambda services: backend(services.workers, account)}
    return api.plan(recipe, api.Options(backends=backends, **more))


def reasons(plan: Plan) -> list[Reason]:
    return [decision.reason for _, decision in plan.decisions()]


def in_doubt(recipe: Path) -> Account:
    """The one task of an earlier run becomes uncertain."""
    account = Account(broken="wait")
    assert run(recipe, account).exit_code == 1
    owner = Owner("doubt", 1, str(recipe.parent), "doubt")
    with closing(Ledger.open(state_folder() / "accounts" / "fake", owner, "a fake account", 0)) as ledger:
        [task] = tasks()
        assert ledger.move(task, State.UNCERTAIN, task.at, "no answer came, and two tasks may be its (x, y)")
    account.broken = ""
    return account


@pytest.mark.parametrize(("broken", "state"), [("wait", State.SUBMITTED), ("fetch", State.DONE)])
def test_what_is_in_flight_costs_nothing_new_and_is_fetched_whatever_the_budget(
    recipe: Path, broken: str, state: State
) -> None:
    account = Account(broken=broken)
    assert run(recipe, account).exit_code == 1
    assert [task.state for task in tasks()] == [state]
    recipe.write_text(recipe.read_text() + BUDGET)
    plan = planned(recipe)
    assert reasons(plan) == [Reason.IN_FLIGHT]
    totals = plan.totals
    assert (totals.run, totals.paid_tasks, totals.usd, totals.usd_worst, totals.unpriced) == (1, 0, 0, 0, 0)
    assert (totals.in_flight, totals.usd_reserved) == (1, PRICE)
    text = plan_text(plan)
    assert text.startswith("r at Somewhere: 1 job, nothing new to pay, about ")
    assert "in flight: adopted, not paid again" in text
    assert "in flight: 1 job, $0.0201 paid or set aside before; not paid again" in text
    account.broken = ""
    record = run(recipe, account, max_cost=Decimal(0))
    assert (record.exit_code, record.fetched, record.usd, len(account.results)) == (0, 1, 0, 1)


def test_the_json_of_such_a_plan_meets_its_schema(recipe: Path) -> None:
    run(recipe, Account(broken="wait"))
    told = json.loads("".join(plan_json(planned(recipe))))
    Draft202012Validator(load("plan.schema.json")).validate(told)
    [decision] = told["decisions"]
    assert (decision["reason"], decision["usd"], decision["usd_reserved"]) == ("in_flight", 0, float(PRICE))
    assert decision["note"] == "submitted, as task task-1"
    figures = {name: told["totals"][name] for name in ("usd", "usd_worst", "in_flight", "usd_reserved", "uncertain")}
    assert figures == {"usd": 0, "usd_worst": 0, "in_flight": 1, "usd_reserved": float(PRICE), "uncertain": 0}


def test_what_costs_nothing_new_asks_nobody(recipe: Path) -> None:
    run(recipe, Account(broken="wait"))
    assert Narrator().consent(planned(recipe), yes=False)


def test_what_is_uncertain_is_named_and_priced_apart(recipe: Path) -> None:
    account = in_doubt(recipe)
    plan = planned(recipe)
    assert (reasons(plan), plan.totals.paid_tasks, plan.totals.usd_worst) == ([Reason.UNCERTAIN], 0, 0)
    text = plan_text(plan)
    assert "uncertain: 1 job, $0.0201 perhaps paid before; the run leaves" in text
    assert "--resubmit-uncertain sends" in text and "at worst for another $0.0201" in text
    assert "    1/colour: no answer came, and two tasks may be its (x, y)" in text
    assert run(recipe, account, max_cost=Decimal(0)).exit_code == 1
    assert len(account.results) == 1


def test_what_is_uncertain_costs_again_once_that_is_wished(recipe: Path) -> None:
    account = in_doubt(recipe)
    plan = planned(recipe, resubmit_uncertain=True)
    assert (plan.totals.paid_tasks, plan.totals.usd, plan.totals.usd_uncertain) == (1, PRICE, PRICE)
    assert "sent again as wished" in plan_text(plan)
    with pytest.raises(RefusedError, match="would cost"):
        Narrator().consent(plan, yes=False)
    assert run(recipe, account, resubmit_uncertain=True).exit_code == 0
    assert len(account.results) == 2


def test_work_that_is_forced_adopts_what_is_under_way_and_pays_for_what_is_done(recipe: Path) -> None:
    run(recipe, Account(broken="wait"))
    assert reasons(planned(recipe, force=True)) == [Reason.IN_FLIGHT]
    run(recipe, Account(broken="fetch"))
    assert reasons(planned(recipe, force=True)) == [Reason.FORCED]


@pytest.mark.parametrize(
    ("state", "reason", "alive"),
    [
        ("intent", Reason.NEW, Reason.IN_FLIGHT),
        ("sending", Reason.IN_FLIGHT, Reason.IN_FLIGHT),
        ("submitted", Reason.NEW, Reason.IN_FLIGHT),  # answered at once, to a process that is dead
        ("done", Reason.NEW, Reason.IN_FLIGHT),
    ],
)
def test_a_request_without_a_task_counts_while_its_process_lives_or_it_can_be_looked_for(
    recipe: Path, state: str, reason: Reason, alive: Reason
) -> None:
    run(recipe, Account(broken="wait"))
    owner = Owner("other", 1, str(recipe.parent), "other")
    with closing(Ledger.open(state_folder() / "accounts" / "fake", owner, "a fake account", 0)) as ledger:
        ledger.execute("UPDATE tasks SET task_id = NULL, owner = 'other', state = ?", (state,))
        assert reasons(planned(recipe)) == [alive]
    assert reasons(planned(recipe)) == [reason]


def test_what_nobody_keeps_any_more_is_paid_anew(recipe: Path) -> None:
    run(recipe, Account(broken="fetch"))
    owner = Owner("later", 1, str(recipe.parent), "later")
    with closing(Ledger.open(state_folder() / "accounts" / "fake", owner, "a fake account", 0)) as ledger:
        ledger.execute("UPDATE tasks SET sent_at = sent_at - 86400")
    assert reasons(planned(recipe)) == [Reason.NEW]


def test_an_account_that_only_the_key_tells_is_not_guessed(recipe: Path) -> None:
    run(recipe, Account(broken="wait"))
    plan = planned(recipe, Unnamed)
    assert (reasons(plan), plan.totals.usd) == ([Reason.NEW], PRICE)
    assert plan.notes == [
        "tasks of 1 of these jobs ($0.0201) are in flight, or in doubt, in the ledger of a fake account (fake). "
        "A plan reads no key, so it can't tell whether that is your account, and counts them as new; a run with that "
        "account's key does not pay for them again"
    ]


def test_a_run_says_what_is_left_at_the_account_of_another_key(recipe: Path) -> None:
    run(recipe, Account(broken="wait"))
    account, heard = Account(), Heard()
    options = api.Options(backends={"draft": lambda services: Rekeyed(services.workers, account)})  # type: ignore[dict-item]
    seen, _ = api.run(recipe, options, listener=heard)
    assert seen.notes == [
        "tasks of 1 of these jobs ($0.0201) are in flight, or in doubt, in the ledger of a fake account (fake), "
        "which is not the account of this key: they are not fetched from there, but paid for anew"
    ]


def test_an_account_is_known_by_its_name_without_a_key(tmp_path: Path) -> None:
    def backend(key: str | None, **said: str) -> ProviderBackend:
        services = Services(None, ProviderSettings(**said), lambda name: key, RealClock())  # type: ignore[arg-type]
        return ProviderBackend(services)

    assert backend(None).named_account() is None
    assert backend(None, account="ours").named_account() == backend("sk-1", account="ours").account()
