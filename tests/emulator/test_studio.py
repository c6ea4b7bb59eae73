"""The work on a task: where images come from, which are refused and with which words, what is made of them."""

import asyncio
import base64
import io
from collections.abc import Mapping
from typing import Any

import pytest
from desk import ASYNC, EDIT, EXPAND, SHOP, TEXT, Desk, body, edit, text
from PIL import Image
from projects import coded, gradient, photo

from wanflow.emulator.paint import Commission, Echo, echo
from wanflow.emulator.studio import Studio
from wanflow.emulator.tasks import Task
from wanflow.errors import EditError
from wanflow.pictures.images import describe


def uri(raw: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(raw).decode()}"


class Web:
    """The public network, with the files that it has; keeps what was fetched."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files, self.fetched = files or {}, []

    async def fetch(self, url: str, most: int) -> bytes:
        self.fetched.append(url)
        if url not in self.files:
            raise OSError("no such host")
        return self.files[url]


class Broken:
    async def paint(self, commission: Commission) -> bytes:
        raise EditError("WorkerDied", "the worker process died")

    def close(self) -> None: ...


def worked(
    desk: Desk, values: Any, path: str = EDIT, web: Web | None = None, painter: Any = None, **headers: str
) -> Task:
    """A task that was submitted and worked on, and has ended."""
    desk.now += 1
    answer = desk.submit(values, path, **headers)
    assert answer.status == 200, answer.body
    studio = Studio(desk.service.storage, painter or Echo(), (web or Web()).fetch)
    for task in desk.service.account.due_work():
        outcome = asyncio.run(studio.outcome(task, desk.service.account.model_of(task), desk.now))
        desk.service.account.worked(task, outcome, desk.now)
    desk.now += 20
    desk.service.account.advance(desk.now)
    return desk.service.account.tasks[answer.json()["output"]["task_id"]]


def said(task: Task) -> tuple[str, str]:
    assert task.outcome
    return task.outcome.code, task.outcome.message


def made(desk: Desk, task: Task, place: int = 0) -> tuple[int, int]:
    """The size of a task's picture, as downloaded."""
    url = desk.query(task.id)["output"]["results"][place]["url"]
    return describe(desk.get(url).body).size


# -- where images come from


def test_image_may_be_a_data_uri() -> None:
    desk = Desk()
    values = edit(base_image_url=uri(blank(600, 512)), function="colorization")
    assert made(desk, worked(desk, values)) == (600, 512)


def test_image_may_be_a_public_url() -> None:
    web = Web({EXPAND["base_image_url"]: blank(512, 600)})
    desk = Desk()
    assert made(desk, worked(desk, edit(function="doodle"), web=web)) == (512, 600)
    assert web.fetched == [EXPAND["base_image_url"]]


def test_image_may_be_the_result_of_another_task_without_a_way_over_the_network() -> None:
    desk = Desk()
    first = worked(desk, edit(base_image_url=uri(blank(512, 512))))
    url = desk.query(first.id)["output"]["results"][0]["url"]
    second = worked(
        desk,
        body("wanx2.1-imageedit", EXPAND | {"function": "super_resolution", "base_image_url": url}, upscale_factor=2),
    )
    assert made(desk, second) == (1024, 1024)


def uploaded(desk: Desk) -> str:
    data = desk.send("GET", "/uploads", query={"action": "getPolicy", "model": "wanx2.1-imageedit"}).json()["data"]
    key = f"{data['upload_dir']}/a.png"
    form = {"Signature": data["signature"], "policy": data["policy"], "key": key}
    form |= {"OSSAccessKeyId": data["oss_access_key_id"], "x-oss-object-acl": data["x_oss_object_acl"]}
    form |= {"x-oss-forbid-overwrite": data["x_oss_forbid_overwrite"]}
    assert desk.upload(form, blank(512, 512)).status == 204
    return f"oss://{key}"


def test_image_may_be_an_upload_only_with_the_header_that_resolves_it() -> None:
    desk = Desk()
    values = edit(base_image_url=uploaded(desk))
    with_header = worked(desk, values, **{"x-dashscope-ossresourceresolve": "enable"})
    assert with_header.state == "SUCCEEDED"
    without = worked(desk, values)
    assert said(without) == (
        "InvalidParameter.DataInspection",
        "Unable to download the media resource during the data inspection process.",
    )


def test_image_that_is_not_there_fails_the_task() -> None:
    assert said(worked(Desk(), edit()))[0] == "InvalidParameter.DataInspection"


# -- which are refused

PIXELS = "Image dimensions must be in [{}, {}], got {}x{}"
FORMAT = "image format error"


def imageedit(raw: bytes) -> Any:
    return edit(base_image_url=uri(raw), function="colorization")


def combined(*raws: bytes) -> Any:
    return body("wan2.5-i2i-preview", {"prompt": "combine", "images": [uri(raw) for raw in raws]}, n=1)


def blank(width: int, height: int) -> bytes:
    return coded(Image.new("L", (width, height), 200))


def transparent() -> bytes:
    return coded(Image.new("RGBA", (600, 600), (9, 9, 9, 99)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (imageedit(blank(511, 600)), PIXELS.format(512, 4096, 511, 600)),
        (imageedit(blank(4097, 512)), PIXELS.format(512, 4096, 4097, 512)),
        (combined(blank(383, 600)), PIXELS.format(384, 5000, 383, 600)),
        (combined(blank(600, 600), blank(5001, 1300)), PIXELS.format(384, 5000, 5001, 1300)),
        (combined(blank(2000, 450)), "the ratio of width to height must be between 1:4 and 4:1."),
        (combined(coded(gradient(600, 600), "TIFF")), FORMAT),
        (combined(transparent()), FORMAT),
        (imageedit(coded(gradient(600, 600), "GIF")), FORMAT),
        (imageedit(b"not an image"), "Invalid image format or corrupted file"),
        (edit(base_image_url="data:image/png;base64,abcde"), "Invalid image format or corrupted file"),
        (imageedit(blank(600, 600)[:-200]), "Invalid image format or corrupted file"),
    ],
)
def test_image_that_breaks_a_rule_fails_the_task_in_the_providers_words(values: Any, message: str) -> None:
    code, text = said(worked(Desk(), values))
    assert code == "InvalidParameter"
    assert text.endswith(message)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
def test_imageedit_takes_every_documented_format(kind: str) -> None:
    assert worked(Desk(), imageedit(coded(gradient(600, 512), kind))).state == "SUCCEEDED"


def test_imageedit_takes_transparency() -> None:
    assert worked(Desk(), imageedit(transparent())).state == "SUCCEEDED"


def masked(mask: tuple[int, int]) -> Any:
    wish = {"function": "description_edit_with_mask", "prompt": ""}
    return edit(**wish, base_image_url=uri(blank(600, 512)), mask_image_url=uri(blank(*mask)))


def test_mask_must_have_the_size_of_its_image() -> None:
    assert worked(Desk(), masked((600, 512))).state == "SUCCEEDED"
    code, message = said(worked(Desk(), masked((600, 513))))
    assert (code, "same resolution" in message) == ("InvalidParameter", True)


def test_bad_parameter_fails_the_task_when_the_switch_says_so() -> None:
    desk = Desk(validate="task")
    task = worked(desk, text(n=5), TEXT)
    assert desk.state(task.id) == "FAILED"
    assert said(task) == ("InvalidParameter", "Range of n should be [1, 4]")


# -- what is made


def test_one_to_three_images_make_one_in_the_ratio_of_the_last() -> None:
    desk = Desk()
    for count in (1, 2, 3):
        raws = [blank(600, 600)] * (count - 1) + [blank(800, 400)]
        width, height = made(desk, worked(desk, combined(*raws)))
        assert abs(width / height - 2) < 0.03
        assert 0.97 * 1280 * 1280 < width * height <= 1280 * 1280


def test_text_alone_makes_the_default_size_and_n_different_pictures() -> None:
    desk = Desk()
    task = worked(desk, text(n=3), TEXT)
    urls = [result["url"] for result in desk.query(task.id)["output"]["results"]]
    assert len({desk.get(url).body for url in urls}) == 3
    assert {made(desk, task, place) for place in range(3)} == {(1280, 1280)}


def test_same_seed_makes_the_same_picture_and_none_makes_another_each_time() -> None:
    desk = Desk()

    def picture(**parameters: int) -> bytes:
        task = worked(desk, text(n=1, **parameters), TEXT)
        return desk.get(desk.query(task.id)["output"]["results"][0]["url"]).body

    assert picture(seed=5) == picture(seed=5)
    assert len({picture(), picture(), picture(seed=6)}) == 3


def test_messages_model_with_images_makes_their_picture() -> None:
    content = [{"text": "combine"}, {"image": uri(blank(600, 600))}]
    values = body("wan2.6-image", {"messages": [{"role": "user", "content": content}]}, n=1)
    desk = Desk()
    task = worked(desk, values, ASYNC)
    assert task.outcome and task.outcome.size == "1280*1280"


def test_partial_failure_leaves_at_least_one_picture() -> None:
    desk = Desk([{"kind": "partial", "images": 9, "code": "DataInspectionFailed"}])
    task = worked(desk, text(n=4), TEXT)
    assert desk.query(task.id)["output"]["task_metrics"] == {"TOTAL": 4, "SUCCEEDED": 1, "FAILED": 3}
    lost = desk.query(task.id)["output"]["results"][3]
    assert lost == {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."}
    assert desk.stats()["images_billed"] == 1


def test_painter_that_fails_fails_the_task_as_an_internal_error() -> None:
    code, message = said(worked(Desk(), text(n=1), TEXT, painter=Broken()))
    assert code == "InternalError.Algo"
    assert "the worker process died" in message


def test_picture_too_large_for_this_machine_is_an_internal_error() -> None:
    wish = EXPAND | {"function": "super_resolution", "base_image_url": uri(coded(Image.new("L", (3000, 3000))))}
    task = worked(Desk(), body("wanx2.1-imageedit", wish, upscale_factor=4))
    assert said(task)[0] == "InternalError.Algo"


def test_echo_keeps_the_picture_below_its_line_of_text() -> None:
    base = photo(3, 600, 512)
    made = echo(Commission("wan/doodle", "", "", {}, {"image": base}, (600, 512), 7))
    before, after = (Image.open(io.BytesIO(raw)).convert("RGB").crop((0, 24, 600, 512)) for raw in (base, made))
    assert before.tobytes() == after.tobytes()
    assert made != echo(Commission("wan/doodle", "", "", {}, {"image": base}, (600, 512), 8))


def test_messages_task_has_no_prompts_and_shop_is_a_prompt() -> None:
    desk = Desk()
    task = worked(desk, body("wan2.6-t2i", SHOP, n=1), ASYNC)
    assert task.order.prompt == "A flower shop"
