"""Whatever clients do and faults disturb: limits hold, states only go forward, ids are one of a kind, bills add up."""

from typing import Any

from desk import EDIT, TEXT, Desk, edit, text
from hypothesis import given
from hypothesis import strategies as st

from wanflow.emulator.chance import times
from wanflow.emulator.faults import KINDS

NEXT = {"PENDING": {"RUNNING", "CANCELED"}, "RUNNING": {"SUCCEEDED", "FAILED", "UNKNOWN"}}
ACTIONS = st.one_of(
    st.tuples(st.just("edit"), st.integers(0, 5)),
    st.tuples(st.just("paint"), st.integers(0, 5)),
    st.tuples(st.just("query"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.floats(0, 30)),
    st.tuples(st.just("idle"), st.floats(0, 30)),
)
FAULTS = st.lists(
    st.fixed_dictionaries({"kind": st.sampled_from(sorted(KINDS)), "rate": st.floats(0.05, 0.5)}), max_size=3
)


def act(desk: Desk, action: str, value: Any) -> None:
    tasks = [*desk.service.account.tasks, "none"]
    match action:
        case "edit":
            desk.submit(edit(prompt=str(value)), EDIT)
        case "paint":
            desk.submit(text(str(value), "wanx-v1", n=2), TEXT)
        case "query":
            desk.send("GET", f"/tasks/{tasks[value % len(tasks)]}")
        case "cancel":
            desk.cancel(tasks[value % len(tasks)])
        case "wait":
            desk.wait(value)
        case "idle":
            desk.now += value


def states(desk: Desk) -> dict[str, str]:
    return {task.id: task.state.value for task in desk.service.account.tasks.values()}


def reachable(before: str, after: str) -> bool:
    return before == after or any(reachable(step, after) for step in NEXT.get(before, ()))


@given(st.lists(ACTIONS, max_size=25), FAULTS, st.booleans())
def test_service_keeps_its_promises(actions: list[tuple[str, Any]], faults: list[dict[str, Any]], strict: bool) -> None:
    desk = Desk(faults, service=times("uniform:5:15"), refuse_excess=strict)
    before: dict[str, str] = {}
    for action, value in actions:
        act(desk, action, value)
        after = states(desk)
        assert all(reachable(state, after[task]) for task, state in before.items())
        before = after
        for queue in desk.service.account.queues.values():
            assert len(queue.running) <= queue.slots
            assert not queue.pending or len(queue.running) == queue.slots
            assert not strict or len(queue) <= queue.slots
    desk.wait(400)
    for task in desk.service.account.tasks.values():
        assert task.over or "slow" in task.fate
        if task.started is not None and task.ended is not None:
            assert task.submitted <= task.started <= task.ended
    said = desk.stats()
    assert said["submissions"] == sum(said["tasks"].values())
    assert said["images_billed"] == sum(task.billed for task in desk.service.account.tasks.values())
    assert said["paid_twice"] <= said["duplicates"]
    for name, figures in said["models"].items():
        assert figures["max_running"] <= desk.service.account.queues[name].slots
