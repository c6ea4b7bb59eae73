"""Rows that name URLs and data URIs: planned without the network, fetched once, and known from then on."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from dashscope_service import QuickClock
from fakes import PRICE, Fakery, picture
from jsonschema import Draft202012Validator
from projects import Heard, photo, statuses
from webserver import Page, Site, serving

from wanflow import api, cache, reviewing
from wanflow.documents.schemas import load
from wanflow.errors import RecipeError, RefusedError
from wanflow.language.selection import Wish
from wanflow.model import Action, Reason
from wanflow.planning.planjson import plan_head
from wanflow.planning.planned import Plan, Unchanged
from wanflow.record import RunRecord
from wanflow.running import fetch
from wanflow.store.blobs import Blobs

RECIPE = """\
wanflow: 1
name: far
params: {logo: {type: string, default: logo.png}}
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo}
  detail: {uses: wan/super_resolution, image: steps.colour}
outputs:
  master: {image: steps.detail, to: "out/${{ row.id }}.png"}
"""
MASKED = RECIPE.replace(
    "wan/colorization, image: row.photo",
    "wan/description_edit_with_mask, image: row.photo, mask: row.mask, with: {prompt: x}",
)
BYPASSED = RECIPE.replace("row.photo}", "row.photo, when: false, otherwise: bypass}").replace(
    "steps.colour}", "steps.colour, when: false, otherwise: bypass}"
)


def data(raw: bytes) -> str:
    return f'"data:image/png;base64,{base64.b64encode(raw).decode()}"'


class Far:
    """A project whose pictures lie on a site."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder, self.site, self.fakery = folder, site, Fakery()
        self.paid = False
        self.write()

    def write(self, recipe: str = RECIPE) -> None:
        (self.folder / "r.yaml").write_text(recipe)

    def rows(self, *photos: str) -> None:
        lines = [f"{number},{photo}" for number, photo in enumerate(photos, 1)]
        (self.folder / "rows.csv").write_text("\n".join(["id,photo", *lines]) + "\n")

    def options(self, **more: Any) -> api.Options:
        more = {"allow_hosts": ["127.0.0.1"]} | more
        return self.fakery.paid(**more) if self.paid else self.fakery.options(**more)

    def plan(self, **more: Any) -> Plan:
        return api.plan(self.folder / "r.yaml", self.options(**more))

    def run(self, **more: Any) -> RunRecord:
        self.heard = Heard()
        _, record = api.run(self.folder / "r.yaml", self.options(**more), listener=self.heard, clock=QuickClock())
        assert record
        return record

    def errors(self, record: RunRecord) -> dict[str, tuple[str | None, str | None]]:
        return {one.job: (one.error_code, one.error_message) for one in record.outcomes if one.error_code}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as site:
        yield site


@pytest.fixture
def far(tmp_path: Path, site: Site) -> Far:
    return Far(tmp_path, site)


def test_a_plan_asks_nobody_and_a_run_asks_once(far: Far) -> None:
    far.site.pages["/a.png"] = Page(picture("a"))
    far.rows(*[far.site.url("/a.png?Signature=secret")] * 3)
    plan = far.plan()
    assert far.site.asked == []
    assert plan.notes == ["1 picture is fetched first"]
    assert (plan.totals.run, plan.totals.later, plan.totals.reuse) == (0, 2, 4)
    record = far.run()
    assert far.site.asked == ["/a.png?Signature=secret"]
    assert set(statuses(record).values()) == {"done", "reused"}
    assert far.fakery.steps() == ["wan/colorization", "wan/super_resolution"]
    far.site.asked.clear()
    again = far.plan()
    assert all(isinstance(entry, Unchanged) for entry in again.entries)
    assert far.run().unchanged_rows == 3
    assert far.site.asked == [] and far.fakery.steps() == []
    assert not any(b"secret" in path.read_bytes() for path in (far.folder / ".wanflow").rglob("*") if path.is_file())


def test_the_plan_s_json_meets_its_schema(far: Far) -> None:
    far.rows(far.site.url("/a.png"))
    plan = far.plan()
    head = plan_head(plan)
    assert head["totals"]["fetch"] == 1
    Draft202012Validator(load("plan.schema.json")).validate(head | {"decisions": []})
    assert [(one.action, one.reason) for _, one in plan.decisions()] == [
        (Action.LATER, Reason.FETCH),
        (Action.LATER, Reason.UPSTREAM),
    ]
    assert not plan.nothing_to_do


def test_what_is_fetched_first_counts_in_the_worst_case(far: Far) -> None:
    far.paid = True
    far.site.pages |= {f"/{name}.png": Page(picture(name)) for name in "abc"}
    far.rows(*(far.site.url(f"/{name}.png") for name in "abc"))
    plan = far.plan()
    assert (plan.totals.usd, plan.totals.usd_worst) == (Decimal(0), 6 * PRICE)
    record = far.run(max_cost=5 * PRICE)
    assert record.over_budget and record.usd == 5 * PRICE
    assert len(far.site.asked) == 3
    record = far.run()
    assert record.exit_code == 0 and record.usd == PRICE
    assert len(far.site.asked) == 3


def test_an_error_of_the_server_is_tried_again(far: Far) -> None:
    far.site.pages["/a.png"] = [Page(status=500), Page(status=503), Page(picture("a"))]
    far.rows(far.site.url("/a.png"))
    assert far.run().exit_code == 0
    assert len(far.site.asked) == 3
    assert [note for note in far.heard.notes if "trying again" in note]


def test_what_is_not_there_fails_its_rows_only(far: Far) -> None:
    far.site.pages["/a.png"] = Page(picture("a"))
    far.rows(far.site.url("/none.png?key=secret"), far.site.url("/a.png"), far.site.url("/none.png?key=secret"))
    record = far.run()
    assert record.exit_code == 1
    assert statuses(record) == {
        "1/colour": "failed",
        "1/detail": "blocked",
        "3/colour": "failed",
        "3/detail": "blocked",
        "2/colour": "done",
        "2/detail": "done",
    }
    code, message = far.errors(record)["1/colour"]
    assert code == "FetchFailed"
    assert message and message.startswith(f"row.photo: {far.site.url('/none.png')}: ") and "HTTP 404" in message
    assert far.site.asked.count("/none.png?key=secret") == 1
    assert "secret" not in str(far.heard)
    far.site.asked.clear()
    far.site.pages["/none.png"] = Page(picture("late"))
    assert far.run().exit_code == 0
    assert far.site.asked == ["/none.png?key=secret"]


def test_a_web_page_and_a_redirect_inside_are_told(far: Far) -> None:
    far.site.pages |= {
        "/page": Page(b"<html>"),
        "/inside": Page(status=302, headers={"Location": "http://10.0.0.1/a.png"}),
    }
    far.rows(far.site.url("/page"), far.site.url("/inside"))
    errors = far.errors(far.run())
    assert errors["1/colour"][0] == "ImageUnreadable" and "web page" in str(errors["1/colour"][1])
    assert errors["2/colour"][0] == "UrlRefused" and "--allow-host 10.0.0.1" in str(errors["2/colour"][1])


def test_without_leave_the_plan_refuses_a_host_of_one_s_own(far: Far) -> None:
    far.rows(far.site.url("/a.png"))
    with pytest.raises(RecipeError, match=r"--allow-host 127\.0\.0\.1"):
        api.check(far.folder / "r.yaml", far.options(allow_hosts=[]))
    assert statuses(far.run(allow_hosts=[])) == {"1/colour": "refused", "1/detail": "refused"}
    assert far.site.asked == []


def test_limits_of_a_function_hold_for_what_was_fetched(far: Far) -> None:
    far.paid = True
    far.site.pages["/small.png"] = Page(photo())
    far.rows(far.site.url("/small.png"))
    record = far.run()
    _, message = far.errors(record)["1/colour"]
    assert "64x48 px; wan/colorization takes 512 to 4096 px a side" in str(message)
    assert "local/fit" in str(message)
    assert record.usd == 0 and far.fakery.asked == []


def test_a_mask_from_a_url_must_have_the_size_of_its_image(far: Far) -> None:
    far.write(MASKED)
    far.site.pages |= {"/a.png": Page(picture("a")), "/m.png": Page(picture("m", (600, 600)))}
    (far.folder / "rows.csv").write_text(f"id,photo,mask\n1,{far.site.url('/a.png')},{far.site.url('/m.png')}\n")
    record = far.run()
    assert "600x600" in str(far.errors(record)["1/colour"][1])
    assert far.fakery.asked == []


def test_a_url_may_stand_in_a_recipe_and_in_a_parameter(far: Far) -> None:
    far.site.pages |= {f"/{name}.png": Page(picture(name)) for name in "abc"}
    images = f"images: ['{far.site.url('/a.png')}', params.logo, row.photo]"
    far.write(RECIPE.replace("wan/colorization, image: row.photo", f"wan/i2i, {images}, with: {{prompt: x}}"))
    far.rows(far.site.url("/c.png"))
    record = far.run(params={"logo": far.site.url("/b.png")})
    assert record.exit_code == 0
    assert sorted(far.site.asked) == ["/a.png", "/b.png", "/c.png"]
    digests = [sha256 for _, sha256 in far.fakery.asked[0].inputs.values()]
    assert [Blobs(far.folder / ".wanflow").read(sha256) for sha256 in digests] == [picture(name) for name in "abc"]


def test_force_asks_again_and_takes_what_changed(far: Far) -> None:
    far.site.pages["/a.png"] = Page(picture("a"), headers={"ETag": '"1"'})
    far.rows(far.site.url("/a.png"))
    far.run()
    far.site.pages["/a.png"] = Page(status=304)
    assert far.run(force=True).exit_code == 0
    assert far.site.headers[-1]["if-none-match"] == '"1"'
    far.site.pages["/a.png"] = Page(picture("new"))
    far.fakery.steps()
    assert far.run(force=True).exit_code == 0
    assert len(far.site.asked) == 3
    assert far.fakery.steps() == ["wan/colorization", "wan/super_resolution"]
    assert far.run().unchanged_rows == 1
    assert len(far.site.asked) == 3 and far.fakery.steps() == []


def test_what_force_finds_new_concerns_other_recipes_too(far: Far) -> None:
    far.site.pages["/a.png"] = Page(picture("a"))
    far.rows(far.site.url("/a.png"))
    other = far.folder / "other.yaml"
    other.write_text(RECIPE.replace("name: far", "name: other").replace("out/", "out/other/"))
    far.run()
    api.run(other, far.options())
    far.site.pages["/a.png"] = Page(picture("new"))
    far.run(force=True)
    # Equal work is shared, so what changed is found done by the other recipe's run.
    assert [entry for entry in api.plan(other, far.options()).entries if isinstance(entry, Unchanged)] == []


def test_force_asks_for_what_is_selected_only(far: Far) -> None:
    far.site.pages |= {f"/{name}.png": Page(picture(name)) for name in "ab"}
    far.rows(*(far.site.url(f"/{name}.png") for name in "ab"))
    far.run()
    far.site.asked.clear()
    assert far.run(force=True, wish=Wish(("2/",))).exit_code == 0
    assert far.site.asked == ["/b.png"]
    assert far.run(force=True, wish=Wish(("1/detail",))).exit_code == 0
    assert far.site.asked == ["/b.png"]


def test_a_stored_picture_that_is_gone_or_damaged_is_fetched_again(far: Far) -> None:
    far.site.pages |= {f"/{name}.png": Page(picture(name)) for name in "ab"}
    far.rows(*(far.site.url(f"/{name}.png") for name in "ab"))
    far.run()
    far.write(RECIPE.replace("wan/colorization, image", "wan/doodle, with: {prompt: x}, image"))
    blobs = Blobs(far.folder / ".wanflow")
    for path in (far.folder / ".wanflow" / "objects").rglob("?" * 64):
        if path.read_bytes() == picture("a"):
            path.unlink()
        elif path.read_bytes() == picture("b"):
            path.write_bytes(picture("other"))
    far.site.asked.clear()
    assert far.run().exit_code == 0
    assert sorted(far.site.asked) == ["/a.png", "/b.png"]
    assert all(not blobs.fault(path.name) for path in (far.folder / ".wanflow" / "objects").rglob("?" * 64))


def test_an_output_may_show_a_picture_as_it_was_fetched(far: Far) -> None:
    far.write(BYPASSED)
    far.site.pages["/a.png"] = Page(picture("a"))
    far.rows(far.site.url("/a.png"), far.site.url("/none.png"))
    plan = far.plan()
    assert not plan.nothing_to_do and plan.totals.run == plan.totals.later == 0
    record = far.run()
    assert (far.folder / "out/1.png").read_bytes() == picture("a")
    assert (record.written, record.not_written, record.exit_code) == (1, 1, 1)
    far.site.pages["/none.png"] = Page(picture("b"))
    assert far.run().exit_code == 0
    assert (far.folder / "out/2.png").read_bytes() == picture("b")
    far.site.asked.clear()
    assert far.run().unchanged_rows == 2 and far.site.asked == []


def test_a_full_store_stops_the_run(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Blobs, part: Path, sha256: str) -> None:
        raise OSError(28, "No space left on device")

    far.site.pages["/a.png"] = Page(picture("a"))
    far.rows(far.site.url("/a.png"))
    monkeypatch.setattr(Blobs, "adopt", full)
    with pytest.raises(api.StoreError, match="no room left"):
        far.run()
    monkeypatch.undo()
    assert far.run().exit_code == 0


def test_tidying_up_keeps_what_was_fetched(far: Far) -> None:
    far.site.pages["/a.png"] = Page(picture("a"))
    far.rows(far.site.url("/a.png"))
    far.run()
    cache.gc(far.folder, older_than_s=-1)
    assert cache.verify(far.folder).whole
    assert cache.stats(far.folder).unneeded.pictures == 0
    (stored,) = [path for path in (far.folder / ".wanflow").rglob("?" * 64) if path.read_bytes() == picture("a")]
    stored.write_bytes(b"x")
    (fault,) = cache.verify(far.folder).faults
    assert fault.sha256 == stored.name and "fetches it again" in fault.remedy


DIES = """
import os, signal, sys
from wanflow.running import run
def die(self, job, call, parts):
    os.kill(os.getpid(), signal.SIGKILL)
run.Run._lead = die
from wanflow import api
api.run(sys.argv[1], api.Options(allow_hosts=["127.0.0.1"]))
"""


def test_a_run_that_dies_after_a_fetch_does_not_fetch_again(far: Far) -> None:
    far.site.pages["/a.png"] = Page(picture("a"))
    far.rows(far.site.url("/a.png"))
    died = subprocess.run([sys.executable, "-c", DIES, str(far.folder / "r.yaml")], env=os.environ, check=False)
    assert died.returncode == -signal.SIGKILL
    assert far.site.asked == ["/a.png"]
    assert far.run().exit_code == 0
    assert far.site.asked == ["/a.png"]


def test_the_limit_of_time_is_kept_in_a_run(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    # The limit passes when the slow picture has begun to come, not by a clock, which may run out for the other, too.
    limits: dict[asyncio.Task[Any] | None, asyncio.Timeout] = {}
    timeout, stored = asyncio.timeout, fetch.Fetcher._stored

    def limited(seconds: float | None) -> asyncio.Timeout:
        if seconds != fetch.TOTAL_S:
            return timeout(seconds)
        return limits.setdefault(asyncio.current_task(), timeout(None))

    async def begun(self: fetch.Fetcher, response: httpx.Response, etag: str) -> fetch.Fetched | None:
        if "x-slow" in response.headers:
            limits.pop(asyncio.current_task()).reschedule(asyncio.get_running_loop().time())
        return await stored(self, response, etag)

    monkeypatch.setattr(asyncio, "timeout", limited)
    monkeypatch.setattr(fetch.Fetcher, "_stored", begun)
    slow = Page(picture("a"), headers={"X-Slow": "1"}, piece=1, pause_s=30)
    far.site.pages |= {"/slow.png": slow, "/b.png": Page(picture("b"))}
    far.rows(far.site.url("/slow.png"), far.site.url("/b.png"))
    record = far.run()
    assert statuses(record)["1/colour"] == "failed" and statuses(record)["2/detail"] == "done"
    assert far.site.asked.count("/slow.png") == 3


# -- data URIs


def test_a_data_uri_is_planned_and_run_as_a_file(far: Far) -> None:
    far.rows(data(picture("a")), data(picture("b")))
    plan = far.plan()
    assert (plan.totals.run, plan.totals.later) == (2, 2)
    assert not (far.folder / ".wanflow").exists()
    assert far.run().exit_code == 0
    digests = [sha256 for call in far.fakery.asked for _, sha256 in call.inputs.values()]
    store = Blobs(far.folder / ".wanflow")
    assert {picture("a"), picture("b")} < {store.read(sha256) for sha256 in digests}
    assert far.run().unchanged_rows == 2


def test_a_data_uri_is_told_by_a_short_name(far: Far) -> None:
    far.paid = True
    far.rows(data(photo()), '"data:image/png;base64,AAA"', data(b"no picture"))
    with pytest.raises(RecipeError) as caught:
        api.check(far.folder / "r.yaml", far.options())
    said = str(caught.value)
    assert "data:image/png, 402 bytes: 64x48 px; wan/colorization takes 512" in said
    assert "data:image/png, 10 bytes: this is not an image" in said
    assert "base64,AA" not in said


def test_a_mask_in_a_data_uri_is_judged_by_the_plan(far: Far) -> None:
    far.write(MASKED)
    (far.folder / "rows.csv").write_text(f"id,photo,mask\n1,{data(picture('a'))},{data(picture('grey'))}\n")
    with pytest.raises(RecipeError, match="black"):
        api.check(far.folder / "r.yaml", far.options())


@pytest.mark.parametrize("manifest", ["rows.csv", "rows.jsonl", "rows.json", "rows.yaml"])
def test_a_large_picture_fits_into_a_row(far: Far, manifest: str) -> None:
    import io

    import numpy as np
    from PIL import Image

    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (1000, 1000, 3), np.uint8))
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    text = data(buffer.getvalue())
    far.write(RECIPE.replace("rows.csv", manifest))
    row = f'{{"id": "1", "photo": {text}}}'
    forms = {"rows.csv": f"id,photo\n1,{text}\n", "rows.jsonl": row, "rows.json": f"[{row}]", "rows.yaml": f"- {row}"}
    (far.folder / manifest).write_text(forms[manifest])
    assert far.plan().totals.run == 1
    (far.folder / manifest).write_text(forms[manifest].replace("data:image/png", "data:image/xxx"))
    with pytest.raises(RecipeError, match="characters"):
        far.plan()


# -- pictures of all rows


GATHERED = """\
wanflow: 1
name: far
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, when: 'row.id == "1"', otherwise: bypass}
  sheet: {uses: wan/i2i, images: steps.colour.all, per: run, with: {prompt: all}}
outputs:
  sheet: {image: steps.sheet, to: out/sheet.png}
"""


def test_a_step_over_all_rows_waits_for_what_is_fetched(far: Far) -> None:
    far.write(GATHERED)
    far.site.pages |= {f"/{name}.png": Page(picture(name)) for name in "abc"}
    far.rows(*(far.site.url(f"/{name}.png") for name in "abc"))
    assert far.plan().totals.later == 2
    assert far.run().exit_code == 0
    assert sorted(far.site.asked) == ["/a.png", "/b.png", "/c.png"]
    assert far.fakery.steps() == ["wan/colorization", "wan/i2i"]
    far.site.asked.clear()
    assert far.plan().nothing_to_do
    assert far.run(force=True, wish=Wish(("run/sheet",))).exit_code == 0
    assert far.fakery.steps() == ["wan/i2i"] and far.site.asked == []
    far.site.pages["/c.png"] = Page(status=404)
    record = far.run(force=True)
    assert statuses(record) == {
        **dict.fromkeys(("2/colour", "3/colour"), "skipped"),
        "1/colour": "done",
        "run/sheet": "failed",
    }


def test_a_run_that_is_told_to_stop_fetches_nothing_more(far: Far) -> None:
    far.site.pages |= {f"/{number}.png": Page(status=404) for number in range(30)}
    far.rows(*(far.site.url(f"/{number}.png") for number in range(30)))
    record = far.run(keep_going=False)
    assert record.exit_code == 1
    assert len(far.site.asked) < 30
    assert "not_started" in statuses(record).values()


# -- saved plans


def approved(far: Far) -> None:
    _, saved = reviewing.save(far.folder / "r.yaml", far.options())
    (far.folder / "plan.json").write_text("".join(saved.text()))


def run_approved(far: Far) -> RunRecord:
    options = api.Options(backends=far.options().backends)
    _, record = reviewing.run_saved("plan.json", options, clock=QuickClock())
    assert record
    return record


def test_what_was_fetched_since_it_was_approved_is_not_other_work(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(far.folder)
    far.site.pages |= {f"/{name}.png": Page(picture(name)) for name in "ab"}
    far.rows(far.site.url("/a.png"), far.site.url("/b.png"))
    approved(far)
    far.run(wish=Wish(until="colour"))
    far.fakery.asked.clear()
    assert run_approved(far).exit_code == 0
    assert far.fakery.steps() == ["wan/super_resolution"] * 2


def test_another_url_is_other_work_though_its_picture_is_here(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(far.folder)
    far.site.pages |= {f"/{name}.png": Page(picture(name)) for name in "ab"}
    far.rows(far.site.url("/a.png"))
    approved(far)
    far.rows(far.site.url("/b.png"))
    far.run(wish=Wish(until="colour"))
    with pytest.raises(RefusedError, match="1/detail takes a picture of other work than in the plan"):
        run_approved(far)


def test_what_was_approved_with_its_picture_is_refused_with_another(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(far.folder)
    far.site.pages["/a.png"] = Page(picture("a"))
    far.rows(far.site.url("/a.png"))
    far.run(wish=Wish(until="colour"))
    approved(far)
    far.site.pages["/a.png"] = Page(picture("another"))
    far.run(wish=Wish(until="colour"), force=True)
    with pytest.raises(RefusedError, match="1/detail takes a picture of other work than in the plan"):
        run_approved(far)
