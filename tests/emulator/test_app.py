"""The emulator in process, through httpx: no socket, no server."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from desk import ASYNC, EDIT, SHOP, SYNC, TEXT, body, edit, text
from projects import photo

from wanflow.emulator.app import Emulator
from wanflow.emulator.chance import times
from wanflow.emulator.faults import parse
from wanflow.emulator.options import Options
from wanflow.pictures.images import describe

FAST = {"speed": 1000.0, "paint": "echo", "service": times("fixed:5")}
HEADERS = {"Authorization": "Bearer sk-test"}
SUBMIT = HEADERS | {"X-DashScope-Async": "enable"}


@asynccontextmanager
async def client(fault: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    faults = parse([fault])[0] if fault else ()
    emulator = Emulator(Options(**{**FAST, **options}, faults=faults))
    transport = httpx.ASGITransport(emulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator/api/v1", headers=HEADERS) as here:
        yield here
    await emulator.aclose()


async def ended(here: httpx.AsyncClient, task: str) -> dict[str, Any]:
    while True:
        said = (await here.get(f"/tasks/{task}")).json()
        if said["output"]["task_status"] not in ("PENDING", "RUNNING"):
            return said
        await asyncio.sleep(0.005)


def test_submit_poll_and_download() -> None:
    async def scenario() -> None:
        async with client() as here:
            created = await here.post(TEXT, json=text(n=2), headers=SUBMIT)
            said = await ended(here, created.json()["output"]["task_id"])
            urls = [result["url"] for result in said["output"]["results"]]
            pictures = [await here.get(url, headers={"Authorization": ""}) for url in urls]
            assert [describe(picture.content).size for picture in pictures] == [(1280, 1280)] * 2
            assert {picture.headers["content-type"] for picture in pictures} == {"image/png"}

    asyncio.run(scenario())


def test_upload_through_a_multipart_form_and_edit_it() -> None:
    async def scenario() -> None:
        async with client() as here:
            query = {"action": "getPolicy", "model": "wanx2.1-imageedit"}
            data = (await here.get("/uploads", params=query)).json()["data"]
            form = {"key": f"{data['upload_dir']}/a b.png", "policy": data["policy"], "Signature": data["signature"]}
            form |= {"OSSAccessKeyId": data["oss_access_key_id"], "x-oss-object-acl": data["x_oss_object_acl"]}
            form |= {"x-oss-forbid-overwrite": data["x_oss_forbid_overwrite"]}
            sent = await here.post(data["upload_host"], data=form, files={"file": ("a b.png", photo(0, 512, 512))})
            assert sent.status_code == 204
            again = await here.post(data["upload_host"], data=form, files={"file": ("a b.png", b"other")})
            assert (again.status_code, "FileAlreadyExists" in again.text) == (409, True)
            broken = await here.post(data["upload_host"], data=form)
            assert broken.status_code == 400
            values = edit(base_image_url=f"oss://{form['key']}", function="doodle")
            resolved = SUBMIT | {"X-DashScope-OssResourceResolve": "enable"}
            created = await here.post(EDIT, json=values, headers=resolved)
            assert (await ended(here, created.json()["output"]["task_id"]))["output"]["task_status"] == "SUCCEEDED"

    asyncio.run(scenario())


def test_synchronous_call_answers_when_its_pictures_are_there() -> None:
    async def scenario() -> None:
        async with client() as here:
            said = (await here.post(SYNC, json=body("wan2.6-t2i", SHOP, n=1))).json()
            picture = await here.get(said["output"]["choices"][0]["message"]["content"][0]["image"])
            assert describe(picture.content).size == (1280, 1280)

    asyncio.run(scenario())


def test_synchronous_calls_beyond_the_slots_wait_and_all_are_answered() -> None:
    async def scenario() -> None:
        async with client(region="ap-southeast-1", speed=200.0) as here:
            values = [body("wan2.6-t2i", SHOP, n=1, seed=seed) for seed in range(7)]
            calls = []
            for value in values:
                calls.append(asyncio.ensure_future(here.post(SYNC, json=value)))
                await asyncio.sleep(0.005)
            answers = await asyncio.gather(*calls)
            assert [answer.status_code for answer in answers] == [200] * 7
            said = (await here.get("http://emulator/__emulator__/stats")).json()
            assert said["models"]["wan2.6-t2i"]["max_running"] == 5

    asyncio.run(scenario())


def test_tasks_go_on_while_nobody_asks() -> None:
    async def scenario() -> None:
        async with client() as here:
            for prompt in "abc":
                await here.post(ASYNC, json=body("wan2.6-t2i", SHOP, n=1, seed=ord(prompt)), headers=SUBMIT)
                await asyncio.sleep(0.002)
            for _ in range(200):
                await asyncio.sleep(0.01)
                said = (await here.get("http://emulator/__emulator__/stats")).json()
                if said["tasks"] == {"SUCCEEDED": 3}:
                    break
            assert said["tasks"] == {"SUCCEEDED": 3}
            assert said["polls"]["total"] == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_reset_in_process_is_a_reset_connection(kind: str) -> None:
    async def scenario() -> None:
        async with client({"kind": kind}) as here:
            with pytest.raises(ConnectionResetError):
                await here.post(TEXT, json=text(n=1), headers=SUBMIT)

    asyncio.run(scenario())


def test_content_type_may_name_a_charset_and_chinese_may_be_plain() -> None:
    async def scenario() -> None:
        async with client() as here:
            raw = '{"model":"wan2.5-t2i-preview","input":{"prompt":"一间花店"},"parameters":{"n":1}}'.encode()
            headers = SUBMIT | {"Content-Type": "application/json; charset=utf-8"}
            created = await here.post(TEXT, content=raw, headers=headers)
            said = await ended(here, created.json()["output"]["task_id"])
            assert said["output"]["results"][0]["orig_prompt"] == "一间花店"

    asyncio.run(scenario())


def test_clock_runs_at_its_speed() -> None:
    async def scenario() -> None:
        async with client(speed=1000.0, service=times("fixed:100")) as here:
            began = time.monotonic()
            created = await here.post(TEXT, json=text(n=1), headers=SUBMIT)
            await ended(here, created.json()["output"]["task_id"])
            assert 0.1 <= time.monotonic() - began < 10

    asyncio.run(scenario())


def test_bug_in_the_work_fails_the_task_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async def broken(url: str, most: int) -> bytes:
            raise LookupError("a bug")

        emulator = Emulator(Options(**FAST), fetch=broken)
        transport = httpx.ASGITransport(emulator)
        async with httpx.AsyncClient(transport=transport, base_url="http://emulator/api/v1", headers=HEADERS) as here:
            created = await here.post(EDIT, json=edit(), headers=SUBMIT)
            said = await ended(here, created.json()["output"]["task_id"])
        await emulator.aclose()
        assert said["output"]["code"] == "InternalError"
        assert "LookupError: a bug" in caplog.text

    asyncio.run(scenario())


@pytest.mark.slow
def test_pictures_are_painted_by_the_draft_engine() -> None:
    async def scenario() -> None:
        async with client(paint="draft") as here:
            wish = {"function": "super_resolution", "prompt": "sharp"}
            data = f"data:image/png;base64,{base64.b64encode(photo(1, 512, 512)).decode()}"
            values = body("wanx2.1-imageedit", wish | {"base_image_url": data}, upscale_factor=2, n=1)
            created = await here.post(EDIT, json=values, headers=SUBMIT)
            said = await ended(here, created.json()["output"]["task_id"])
            assert said["output"]["task_status"] == "SUCCEEDED", said
            picture = (await here.get(said["output"]["results"][0]["url"])).content
            assert describe(picture).size == (1024, 1024)
            assert b"wanflow draft engine" in picture

    asyncio.run(scenario())
