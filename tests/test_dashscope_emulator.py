"""The client against the emulator, over a socket, with time made fast on both sides."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from dashscope_service import QuickClock, collected, performed, submitted
from fakes import picture

from wanflow.backends.dashscope import DashScope
from wanflow.emulator.chance import times
from wanflow.emulator.faults import parse
from wanflow.emulator.options import Options
from wanflow.emulator.server import running
from wanflow.errors import Again, EditError
from wanflow.functions import catalog
from wanflow.model import Call

SPEED = 100.0


class Now(QuickClock):
    """As fast as the emulator, and from the time that it has."""

    def __init__(self):
        super().__init__(SPEED)
        self.start = datetime.now(UTC)


def work(store, do, *, faults=(), region="cn-beijing", key="sk-test", **options):
    async def all_of_it(origin):
        client = DashScope(
            base_url=f"{origin}/api/v1", key=key, region=region, workspace=None, store=store, clock=Now()
        )
        try:
            return await do(client)
        finally:
            await client.aclose()

    wanted, _ = parse({"faults": list(faults)})
    settings = {"speed": SPEED, "paint": "echo", "service": times("fixed:3"), "faults": wanted, "region": region}
    with running(Options(**{**settings, **options})) as origin:
        return asyncio.run(all_of_it(origin))


def inputs(folder, function):
    found = {}
    for slot in function.inputs:
        if slot == "hint":
            continue
        name = "images.0" if slot == "images" else slot
        raw = picture(name, (640, 600))
        path = folder / f"{name}.png"
        path.write_bytes(raw)
        found[name] = (str(path), hashlib.sha256(raw).hexdigest())
    return found


FUNCTIONS = {name: function for name, function in catalog.functions().items() if not function.is_local}


def job(folder, name, model, **more):
    return Call("key", name, {"prompt": "a red house", **more}, inputs(folder, FUNCTIONS[name]), model=model)


def test_every_function_of_every_model_that_has_it(tmp_path):
    async def do(client):
        made = {}
        for name, function in FUNCTIONS.items():
            for model in function.models:
                made[name, model] = await performed(client, job(tmp_path, name, model))
                await client._clock.sleep(1.0)
        return made

    made = work(tmp_path, do)
    assert len(made) >= 10
    for result in made.values():
        assert (result.billed, result.fidelity, len(result.blobs)) == (1, "real", 1)


def test_several_images_and_what_became_of_the_prompt(tmp_path):
    async def do(client):
        return await performed(client, job(tmp_path, "wan/i2i", "wan2.5-i2i-preview", n=3, prompt_extend=True))

    result = work(tmp_path, do)
    assert (len(result.blobs), result.billed) == (3, 3)
    assert result.prompts == ("a red house (extended)",) * 3


def test_uploads_are_found_by_the_service(tmp_path, monkeypatch):
    monkeypatch.setattr("wanflow.backends.dashscope.pictures.INLINE_BYTES", 0)

    async def do(client):
        return await performed(client, job(tmp_path, "wan/colorization", "wanx2.1-imageedit"))

    result = work(tmp_path, do)
    assert result.blobs[0].size == (640, 600)


def test_a_wrong_key_ends_everything(tmp_path):
    async def do(client):
        with pytest.raises(EditError) as caught:
            await submitted(client, job(tmp_path, "wan/t2i", "wan2.6-t2i"))
        return caught.value

    error = work(tmp_path, do, key="sk-other", keys=frozenset({"sk-test"}))
    assert (error.code, error.again) == ("InvalidApiKey", Again.ACCOUNT)


def test_a_waiting_task_can_be_canceled_and_is_listed(tmp_path):
    async def do(client):
        tickets = []
        for _ in range(3):
            tickets.append(await submitted(client, job(tmp_path, "wan/colorization", "wanx2.1-imageedit")))
            await client._clock.sleep(0.6)
        canceled = [await client.cancel(ticket) for ticket in tickets]
        with pytest.raises(EditError, match="Canceled"):
            await collected(client, tickets[2])
        now = client._clock.now()
        listed = await client.tasks(now - timedelta(hours=1), now + timedelta(hours=1), "wanx2.1-imageedit")
        return canceled, tickets, listed

    canceled, tickets, listed = work(tmp_path, do, service=times("fixed:60"))
    assert canceled == [False, False, True]
    assert {task.task_id for task in listed} == {ticket.task_id for ticket in tickets}


HARMLESS = [{"kind": kind, "on": ["query"], "times": 2} for kind in ("500", "429", "reset_before")]
HARMLESS += [{"kind": kind, "times": 1} for kind in ("truncated", "short", "corrupt", "wrong_type")]


def test_faults_of_queries_and_downloads_cost_only_time(tmp_path):
    async def do(client):
        return await performed(client, job(tmp_path, "wan/colorization", "wanx2.1-imageedit"))

    assert work(tmp_path, do, faults=HARMLESS).billed == 1


LABELLED = [
    ({"kind": "429", "on": ["submit"]}, Again.THROTTLED),
    ({"kind": "500", "on": ["submit"]}, Again.UNSURE),
    ({"kind": "reset_after", "on": ["submit"]}, Again.UNSURE),
    ({"kind": "failed", "code": "InternalError.Timeout"}, Again.SOON),
    ({"kind": "failed", "code": "DataInspectionFailed"}, Again.REFUSED),
    ({"kind": "lost"}, Again.LOST),
]


def test_faults_that_end_a_job_are_labelled(tmp_path):
    async def do(client):
        met = []
        for _ in LABELLED:
            try:
                await performed(client, job(tmp_path, "wan/colorization", "wanx2.1-imageedit"))
            except EditError as error:
                met.append(error.again)
            await client._clock.sleep(1.0)
        return met

    # Each is met once, in this order, since the first that is not used up comes first. The task that is taken before
    # the connection is reset meets a fault too, which nobody sees.
    unseen = {"kind": "failed", "code": "Unseen"}
    faults = [fault | {"times": 1} for fault in (unseen, *(fault for fault, _ in LABELLED))]
    assert work(tmp_path, do, faults=faults) == [again for _, again in LABELLED]
