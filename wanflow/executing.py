"""From a plan to pictures: what is asked before anything starts, and one run with all it needs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from decimal import Decimal

from wanflow.amounts import dollars, exact
from wanflow.backends import Backend
from wanflow.clock import Clock
from wanflow.errors import (
    RefusedError,
    StoreError,
    UsageError,
    WanflowError,
    sentence,
    unwritable,
)
from wanflow.limits.budget import Budget
from wanflow.limits.lanes import Lanes
from wanflow.limits.room import Room
from wanflow.model import Limits
from wanflow.opening import asked
from wanflow.paying.attempts import Retries
from wanflow.paying.payments import Payments
from wanflow.planning.outputs import Publisher
from wanflow.planning.plan import Planner
from wanflow.planning.planned import Plan, RowPlan
from wanflow.planning.saved import Saved, differences, has_work
from wanflow.project import Project
from wanflow.record import RunRecord
from wanflow.running.fetch import AT_ONCE, Fetcher
from wanflow.running.fetching import LANE
from wanflow.running.halt import Halt, remind
from wanflow.running.listener import Listener
from wanflow.running.run import Run
from wanflow.settings import shown, state_folder
from wanflow.store import plans
from wanflow.store.blobs import write_whole
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import Owner
from wanflow.store.upkeep import holders
from wanflow.store.uploads import Kept

# Differences from an approved plan that are told.
MOST_TOLD = 20
# How often a listener is told that time went by, for views that move.
PULSE_S = 0.25


def require_approval(project: Project, planner: Planner, approved: Saved) -> None:
    """Refuse a plan that was run before, is no longer what was approved, or has no room in `max_cost`.

    Raises RefusedError.
    """
    if run_id := plans.used_by(project.store, approved.nonce):
        raise RefusedError(f"nothing was started: {approved.shown} was run already, as {run_id}. {_after(project)}")
    # What was fetched since then is what the plan would have fetched.
    inputs = planner.inputs.without(approved.unfetched)
    requests = asked(project, planner.index, inputs) if has_work(planner.plan) else {}
    found = differences(approved, planner.plan, requests)
    if found:
        more = [f"  … and {len(found) - MOST_TOLD:,} more"] * (len(found) > MOST_TOLD)
        lines = "\n".join([*(f"  {line}" for line in found[:MOST_TOLD]), *more])
        raise RefusedError(
            f"nothing was started: {approved.shown} is not what would be done now\n{lines}\nMake a new plan."
        )
    totals, most = planner.plan.totals, project.options.max_cost
    if most is not None and totals.usd_worst > most:  # else the part that it pays for would use up the plan
        raise RefusedError(
            f"nothing was started: {approved.shown} may cost {dollars(totals.usd_worst)}, and --max-cost is "
            f"{exact(most)}; raise it, or plan less (wanflow plan ... --pilot N, --select WHAT)"
        )


def _after(project: Project) -> str:
    """What to do after a run of a saved plan, however it ended."""
    return (
        "What it made is kept, and what it paid for is fetched, not paid again, by the next run: "
        f"{project.rerun} (which also does what is left). Or make a new plan."
    )


def save(planner: Planner) -> None:
    """Keep what was read of the pictures, and those that may be gone tomorrow. Raises StoreError."""
    try:
        planner.inputs.save()
        planner.inputs.keep()
    except StoreError as error:
        raise StoreError(f"nothing was started: {error}") from error
    except OSError as error:
        raise StoreError(f"nothing was started: {unwritable(planner.blobs.root, error)}") from error


def require_budget(plan: Plan) -> None:
    """Refuse a plan that may cost more than its recipe allows. Raises RefusedError."""
    if complaint := plan.over_budget:
        raise RefusedError(f"nothing was started: {complaint}")


def require_room(project: Project, plan: Plan) -> None:
    """Refuse to start work whose pictures could not be put anywhere. Raises StoreError."""
    entries = [entry for entry in plan.entries if isinstance(entry, RowPlan)]
    for folder in {(project.root / path).parent for entry in entries for path in entry.paths.values()}:
        stands = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not stands.is_dir() or not os.access(stands, os.W_OK | os.X_OK):
            raise StoreError(f"nothing was started: {shown(stands, project.here)} is no folder that can be written")


def execute(project: Project, planner: Planner, listener: Listener, clock: Clock, approved: Saved | None) -> RunRecord:
    """One run of a plan, to its record. Raises RefusedError, StoreError, UsageError."""
    run_id = f"{clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}"
    workers = project.workers()
    backend = project.open_backend(workers, clock, listener.note)
    planner.index.tell = listener.note
    halt = Halt(listener.note, keep_going=project.options.keep_going)
    retries = Retries(clock, lambda: halt.stopping, listener.note)
    payments = None
    if approved and not plans.use(project.store, approved.nonce, run_id):
        raise RefusedError(f"nothing was started: another run of {approved.shown} came first")
    try:
        if not planner.plan.nothing_to_do or _left_something(project, backend, listener):
            payments = _payments(project, backend, run_id, retries, planner.recipe.budget, approved)
    except WanflowError:
        if approved:  # nothing was started, so that no run has used it
            plans.give_back(project.store, approved.nonce)
        raise
    writer = planner.inputs.relative(project.recipe)
    publisher = Publisher(project.root, planner.blobs, project.store / "kept" / run_id, writer)
    limits = {terms.lane: terms.limits for terms in planner.plan.terms.values()}
    lanes = Lanes(limits | {LANE: Limits(AT_ONCE)})
    fetcher = Fetcher(planner.blobs, project.hosts)
    work = Run(planner, backend, publisher, lanes, listener, halt, retries, fetcher, payments)
    try:
        record = asyncio.run(_interruptible(work, run_id, listener))
    finally:
        workers.close()
    return _recorded(project, work, record)


def _left_something(project: Project, backend: Backend, listener: Listener) -> bool:
    """Whether earlier runs of this project left something at the provider that can be asked for now. Who left nothing
    needs no key.
    """
    if not (held := holders(state_folder() / "accounts", project.root)):
        return False
    try:
        account = backend.account()
    except UsageError as error:
        listener.note(f"earlier runs left paid pictures at the provider, which are not fetched: {error}")
        return False
    return account is not None and account.id in held


def _payments(
    project: Project,
    backend: Backend,
    run_id: str,
    retries: Retries,
    allowed: Decimal | None,
    approved: Saved | None,
) -> Payments | None:
    """Leave to spend money, by the account's ledger. Raises UsageError, StoreError."""
    if not (account := backend.account()):
        return None
    owner = Owner(run_id, os.getpid(), str(project.root), run_id)
    folder = state_folder() / "accounts" / account.id
    ledger = Ledger.open(folder, owner, account.label, retries.clock.now().timestamp())
    caps = (project.options.max_cost, allowed, approved.usd_worst if approved else None)
    budget = Budget(min((cap for cap in caps if cap is not None), default=None))
    again = project.options.resubmit_uncertain
    service, room = backend.service(Kept(ledger)), Room((project.store, folder))
    if approved and not ledger.use_plan(approved.nonce, run_id):
        ledger.close()
        raise RefusedError(
            f"nothing was started: {approved.shown} was run already with this account. {_after(project)}"
        )
    return Payments(service, ledger, retries, budget, room, resubmit_uncertain=again)


async def _interruptible(work: Run, run_id: str, listener: Listener) -> RunRecord:
    loop = asyncio.get_running_loop()
    reminding: list[asyncio.Task[None]] = []

    def interrupt() -> None:
        if work.halt.stopping:
            left = f"; the next run takes up what goes on at the provider: {work.waiting}" if work.waiting else ""
            listener.note(f"stopping at once{left}")
            work.abort()
            for reminder in reminding:
                reminder.cancel()
        else:
            listener.note("finishing what is under way; press Ctrl-C again to stop at once")
            work.stop()
            reminding.append(loop.create_task(remind(lambda: work.waiting, work.clock, listener.note)))

    for number in {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        # nohup wants this. What a script starts with `&` ignores SIGINT, too, and whoever sends one then means it.
        if signal.getsignal(number) is signal.SIG_IGN and number != signal.SIGINT:
            continue
        # Where the platform has no handlers (Windows), or in a thread, Ctrl-C ends the run at once.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, interrupt)
    pulse = loop.create_task(_pulse(listener))
    try:
        return await work.run(run_id)
    finally:
        pulse.cancel()


async def _pulse(listener: Listener) -> None:
    while True:
        await asyncio.sleep(PULSE_S)  # people's time, whatever the run's clock says
        listener.passed()


def _recorded(project: Project, work: Run, record: RunRecord) -> RunRecord:
    stopped = work.halt.store_error
    folder = shown((project.root / work.publishing.folder).resolve(), project.here)
    record.written_to = "" if not record.written else "this folder" if folder == "." else folder
    try:
        write_whole(project.store / "runs" / record.run_id / "run.json", (text.encode() for text in record.json()))
    except OSError as error:
        stopped = stopped or StoreError(f"the run's record is missing: {unwritable(project.store / 'runs', error)}")
    if stopped:
        pictures = f"{work.keeping.kept:,} picture{'' if work.keeping.kept == 1 else 's'}"
        kept = f"{pictures} that this run made and all from before are kept" if work.keeping.kept else "nothing is lost"
        raise StoreError(f"{sentence(stopped)} {kept[0].upper()}{kept[1:]}; run again to go on.")
    return record
