"""Every bad request is answered with the provider's code and text, at submission or in the task."""

from typing import Any

import pytest
from desk import ASYNC, EDIT, EXPAND, KEY, SHOP, SYNC, TEXT, Desk, body, edit, text

from wanflow.emulator import rules
from wanflow.emulator.exchange import Refusal
from wanflow.functions import catalog
from wanflow.model import Blob

I2I = {"prompt": "combine", "images": ["https://example.com/a.png"]}
VALUE = "The type or value of {} is out of definition."
MISSING = "Required parameter({}) missing or invalid, please check the request parameters."
RANGE = "Range of {} should be [{}, {}]"


def i2i(count: int = 1, **parameters: Any) -> dict[str, Any]:
    return body("wan2.5-i2i-preview", I2I | {"images": ["https://example.com/a.png"] * count}, **parameters)


def function(name: str, **parameters: Any) -> dict[str, Any]:
    return body("wanx2.1-imageedit", EXPAND | {"function": name}, **parameters)


def message(*parts: dict[str, str], **parameters: Any) -> dict[str, Any]:
    return body("wan2.6-t2i", {"messages": [{"role": "user", "content": list(parts)}]}, **parameters)


BAD_PARAMETERS = [
    # wanx2.1-imageedit
    (EDIT, edit(function="repaint"), VALUE.format("function")),
    (EDIT, edit(function=None), VALUE.format("function")),
    (EDIT, edit(prompt=None), MISSING.format("prompt")),
    (EDIT, edit(prompt="", function="doodle"), MISSING.format("prompt")),
    (EDIT, edit(base_image_url=None), MISSING.format("base_image_url")),
    (EDIT, edit(function="description_edit_with_mask"), MISSING.format("mask_image_url")),
    (EDIT, function("expand", n=5), RANGE.format("n", 1, 4)),
    (EDIT, function("expand", n=0), RANGE.format("n", 1, 4)),
    (EDIT, function("expand", n="2"), VALUE.format("n")),
    (EDIT, function("expand", n=True), VALUE.format("n")),
    (EDIT, function("expand", seed=-1), RANGE.format("seed", 0, 2147483647)),
    (EDIT, function("expand", seed=2147483648), RANGE.format("seed", 0, 2147483647)),
    (EDIT, function("expand", seed="tomorrow"), VALUE.format("seed")),
    (EDIT, function("expand", seed="9" * 5000), VALUE.format("seed")),
    (EDIT, function("expand", watermark="yes"), VALUE.format("watermark")),
    (EDIT, function("expand", left_scale=2.1), RANGE.format("left_scale", 1.0, 2.0)),
    (EDIT, function("expand", top_scale=0.9), RANGE.format("top_scale", 1.0, 2.0)),
    (EDIT, function("stylization_all", strength=1.1), RANGE.format("strength", 0.0, 1.0)),
    (EDIT, function("description_edit", strength="much"), VALUE.format("strength")),
    (EDIT, function("super_resolution", upscale_factor=5), RANGE.format("upscale_factor", 1, 4)),
    (EDIT, function("super_resolution", upscale_factor=1.5), VALUE.format("upscale_factor")),
    (EDIT, function("doodle", is_sketch=1), VALUE.format("is_sketch")),
    # wan2.5-i2i-preview
    (EDIT, i2i(0), MISSING.format("images")),
    (EDIT, i2i(4), "the parameters must conform to the specification: images takes 1 to 3 images, got 4."),
    (EDIT, body("wan2.5-i2i-preview", I2I | {"images": "https://example.com/a.png"}), MISSING.format("images")),
    (EDIT, i2i(size="512*512"), "Total pixels (262144) must be between 589824 and 1638400"),
    (EDIT, i2i(size="1600*1600"), "Total pixels (2560000) must be between 589824 and 1638400"),
    (EDIT, i2i(size="2600*600"), "the parameters must conform to the specification: the ratio of width to height must be between 1:4 and 4:1."),  # noqa: E501
    (EDIT, i2i(size="1280x1280"), VALUE.format("size")),
    (EDIT, body("wan2.5-i2i-preview", I2I | {"negative_prompt": 5}), MISSING.format("negative_prompt")),
    # text to image, old protocol
    (TEXT, text(""), MISSING.format("prompt")),
    (TEXT, text(n=5), RANGE.format("n", 1, 4)),
    (TEXT, text(size="1024*1024"), "Total pixels (1048576) must be between 1638400 and 2073600"),
    (TEXT, text(model="wan2.2-t2i-plus", size="2560*1440"), "Either width or height should be between 512 and 1440. "),
    (TEXT, text(model="wanx2.1-t2i-turbo", size="511*600"), "Either width or height should be between 512 and 1440. "),
    (TEXT, text(model="wanx-v1", size="1024*768"), "The size is not match the allowed size ['1024*1024', '720*1280', '768*1152', '1280*720']"),  # noqa: E501
    (TEXT, text(model="wanx-v1", style="<cubism>"), VALUE.format("style")),
    (TEXT, text(model="wanx-v1", ref_strength=2), RANGE.format("ref_strength", 0.0, 1.0)),
    # the messages protocol
    (ASYNC, message(), "the parameters must conform to the specification: content must hold exactly one text."),
    (ASYNC, message({"text": "a"}, {"text": "b"}), "the parameters must conform to the specification: content must hold exactly one text."),  # noqa: E501
    (ASYNC, message({"text": "a"}, {"image": "https://a/b.png"}), "the parameters must conform to the specification: content takes 0 to 0 images, got 1."),  # noqa: E501
    (ASYNC, body("wan2.6-t2i", {"messages": SHOP["messages"] * 2}), "messages length only support 1"),
    (ASYNC, body("wan2.6-t2i", {"messages": "A flower shop"}), "messages length only support 1"),
    (ASYNC, body("wan2.6-t2i", {"messages": [{"role": "system", "content": [{"text": "a"}]}]}), "Field required: input.messages.content"),  # noqa: E501
    (ASYNC, message({"text": "a"}, size="2000*2000"), "Total pixels (4000000) must be between 1638400 and 2073600"),
    (ASYNC, body("wan2.6-image", SHOP, n=1), "the parameters must conform to the specification: content takes 1 to 4 images, got 0."),  # noqa: E501
]  # fmt: skip


@pytest.mark.parametrize(("path", "values", "said"), BAD_PARAMETERS)
def test_bad_parameter_is_refused_at_submission(path: str, values: dict[str, Any], said: str) -> None:
    refused = Desk().submit(values, path)
    assert refused.status == 400
    assert refused.json().keys() == {"code", "message", "request_id"}
    assert (refused.json()["code"], refused.json()["message"]) == ("InvalidParameter", said)


@pytest.mark.parametrize(("path", "values", "said"), BAD_PARAMETERS)
def test_bad_parameter_can_be_refused_in_the_task(path: str, values: dict[str, Any], said: str) -> None:
    desk = Desk(validate="task")
    task = desk.service.account.tasks[desk.task(values, path)]
    assert task.order.refused == ("InvalidParameter", said)


BAD_URLS = [
    "/home/me/a.png",
    "a.png",
    "file:///a.png",
    "https://例.com/图.png",
    "ftp://a/b.png",
    "data:image/png,raw",
    "",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_url_that_the_service_can_not_fetch_is_refused(url: str) -> None:
    refused = Desk().submit(edit(base_image_url=url))
    assert (refused.status, refused.json()["code"]) == (400, "InvalidURL")


@pytest.mark.parametrize(
    ("values", "code", "said"),
    [
        (b"{", "InvalidParameter", "Required body invalid, please check the request body format."),
        (b"[" * 100_000, "InvalidParameter", "Required body invalid, please check the request body format."),
        (b"\xff{}", "InvalidParameter", "Required body invalid, please check the request body format."),
        (b"[]", "InvalidParameter", "Required body invalid, please check the request body format."),
        ({}, "BadRequest.EmptyModel", 'Required parameter "model" missing from request.'),
        ({"model": "wanx2.1-imageedit"}, "BadRequest.EmptyInput", "Required input parameter missing from request."),
        ({"model": "wanx2.1-imageedit", "input": "x"}, "BadRequest.IllegalInput", "The input parameter requires json format."),  # noqa: E501
        ({"model": "wanx9", "input": {}}, "InvalidParameter", "Model not exist."),
        (text(), "InvalidParameter", "url error, please check url！"),
        (body("wan2.6-t2i", SHOP), "InvalidParameter", "url error, please check url！"),
    ],
)  # fmt: skip
def test_body_of_the_wrong_shape_or_for_another_path_is_always_refused_at_once(
    values: Any, code: str, said: str
) -> None:
    for validate in ("submit", "task"):
        refused = Desk(validate=validate).submit(values, EDIT)
        assert (refused.status, refused.json()["code"], refused.json()["message"]) == (400, code, said)


@pytest.mark.parametrize(
    ("region", "model", "sold"),
    [
        ("cn-beijing", "wanx2.1-imageedit", True),
        ("ap-southeast-1", "wanx2.1-imageedit", False),
        ("cn-beijing", "wanx2.1-t2i-turbo", True),
        ("ap-southeast-1", "wanx2.1-t2i-turbo", False),
        ("ap-southeast-1", "wan2.1-t2i-turbo", True),
        ("cn-beijing", "wan2.1-t2i-turbo", False),
        ("us-east-1", "wan2.5-t2i-preview", False),
    ],
)
def test_region_sells_its_own_models_under_its_own_names(region: str, model: str, sold: bool) -> None:
    path, values = (EDIT, edit()) if model == "wanx2.1-imageedit" else (TEXT, text(model=model))
    answer = Desk(region=region).submit(values, path)
    assert answer.status == (200 if sold else 400)
    assert sold or answer.json()["message"] == "Model not exist."


def test_mode_must_be_that_of_the_path() -> None:
    desk, key = Desk(), {"authorization": f"Bearer {KEY}"}
    plain = desk.send("POST", EDIT, edit())
    assert (plain.status, plain.json()["code"]) == (403, "AccessDenied")
    assert plain.json()["message"] == "current user api does not support synchronous calls."
    held = desk.send("POST", SYNC, body("wan2.6-t2i", SHOP), headers=key | {"x-dashscope-async": "enable"})
    assert (held.status, held.json()["code"]) == (403, "AccessDenied")
    assert held.json()["message"] == "Current user api does not support asynchronous calls."


@pytest.mark.parametrize(
    ("header", "keys", "said"),
    [
        (None, (), "No API-key provided."),
        ("Bearer wrong", (), "Invalid API-key provided."),
        ("Basic sk-abc", (), "Invalid API-key provided."),
        ("Bearer sk-abc", ("sk-other",), "Invalid API-key provided."),
        ("Bearer sk-abc", (), None),
        ("Bearer sk-other", ("sk-other",), None),
    ],
)
def test_key_is_checked_on_every_route(header: str | None, keys: tuple[str, ...], said: str | None) -> None:
    desk = Desk(keys=frozenset(keys))
    headers = {"authorization": header} if header else {}
    for method, path in [("GET", "/tasks/a"), ("GET", "/tasks"), ("POST", EDIT), ("GET", "/uploads")]:
        answer = desk.send(method, path, headers=headers)
        assert (answer.status == 401) == bool(said)
        if said:
            assert (answer.json()["code"], answer.json()["message"]) == ("InvalidApiKey", said)


# -- what is taken


def order(values: dict[str, Any]) -> rules.Order:
    model = catalog.models()[values["model"]]
    return rules.order_of(model, model.protocols[0], values, resolve=False)


@pytest.mark.parametrize("name", catalog.models()["wanx2.1-imageedit"].functions)
def test_every_function_of_imageedit_is_taken_with_its_own_parameters_filled_in(name: str) -> None:
    values = function(name)
    values["input"]["mask_image_url"] = "https://example.com/mask.png"
    taken = order(values)
    model = catalog.models()["wanx2.1-imageedit"]
    defaults = {key: rule["default"] for key, rule in model.parameter_rules(name).items() if "default" in rule}
    assert taken.parameters == defaults
    assert dict(taken.images).keys() == ({"image", "mask"} if "mask" in model.functions[name] else {"image"})


def test_nulls_and_unknown_parameters_are_ignored() -> None:
    values = function("colorization", n=None, strength=0.3, size="1024*1024", prompt_extend=True, is_async=True, a=[1])
    values["input"] |= {"mask_image_url": None, "negative_prompt": None}
    assert order(values).parameters == {"n": 1, "watermark": False}


def test_parameters_may_be_missing_or_null() -> None:
    values = edit()
    del values["parameters"]
    assert order(values).parameters["n"] == 1
    assert Desk().submit(values | {"parameters": None}).status == 200


def test_seed_may_be_a_text_of_digits() -> None:
    assert order(function("expand", seed="12345")).parameters["seed"] == 12345


@pytest.mark.parametrize("name", ["colorization", "description_edit_with_mask"])
def test_prompt_may_be_empty_where_the_guide_says_so(name: str) -> None:
    values = function(name)
    values["input"] |= {"prompt": "", "mask_image_url": "https://example.com/mask.png"}
    assert order(values).prompt == ""


@pytest.mark.parametrize(
    ("values", "most"),
    [
        (edit(prompt="字" * 900), 800),
        (body("wan2.5-i2i-preview", I2I | {"prompt": "x" * 3000}), 2000),
        (text("x" * 600, "wan2.2-t2i-flash"), 500),
        (message({"text": "x" * 3000}), 2100),
    ],
)
def test_long_prompt_is_cut_without_a_word(values: dict[str, Any], most: int) -> None:
    assert len(order(values).prompt) == most


def test_negative_prompt_is_read_where_the_model_has_it() -> None:
    old = body("wan2.5-t2i-preview", {"prompt": "x", "negative_prompt": "rain" * 200}, negative_prompt="no")
    assert order(old).negative_prompt == ("rain" * 200)[:500]
    assert order(message({"text": "x"}, negative_prompt="rain")).negative_prompt == "rain"
    assert order(body("wan2.6-t2i", SHOP | {"negative_prompt": "rain"})).negative_prompt == ""


def test_images_keep_their_order() -> None:
    urls = [f"https://example.com/{name}.png" for name in "cab"]
    values = body("wan2.5-i2i-preview", I2I | {"images": urls})
    assert order(values).images == tuple((f"images.{place}", url) for place, url in enumerate(urls))


@pytest.mark.parametrize(("size_bytes", "taken"), [(10485760, True), (10485761, False)])
def test_image_of_too_many_bytes_is_refused(size_bytes: int, taken: bool) -> None:
    images = {"image": (Blob("", 600, 600, "PNG", size_bytes), False)}
    if taken:
        rules.check_images(catalog.models()["wanx2.1-imageedit"], images)
        return
    with pytest.raises(Refusal, match="The size of image is beyond limit") as refused:
        rules.check_images(catalog.models()["wanx2.1-imageedit"], images)
    assert refused.value.code == "InvalidImage.ImageSize"


# -- sizes of what is made


@pytest.mark.parametrize(
    ("values", "base", "made"),
    [
        (function("colorization"), (600, 800), (600, 800)),
        (function("remove_watermark"), (600, 800), (600, 800)),
        (function("super_resolution", upscale_factor=3), (600, 800), (1800, 2400)),
        (function("expand", left_scale=1.5, right_scale=1.5, top_scale=1.5, bottom_scale=1.5), (600, 800), (900, 1200)),
        (function("expand", left_scale=2.0), (600, 800), (900, 800)),
        (i2i(), (1000, 1000), (1280, 1280)),
        (i2i(size="800*1200"), (1000, 1000), (800, 1200)),
        (text(model="wanx-v1"), None, (1024, 1024)),
        (text(size="960*1920"), None, (960, 1920)),
        (message({"text": "x"}), None, (1280, 1280)),
        (message({"text": "x"}, size="768*2700"), None, (768, 2700)),
        (body("wan2.6-image", {"messages": [{"role": "user", "content": [{"text": "x"}, {"image": "https://a/b"}]}]}, size="2K"), (1000, 1000), (2048, 2048)),  # noqa: E501
        (body("wan2.6-image", {"messages": [{"role": "user", "content": [{"text": "x"}, {"image": "https://a/b"}]}]}, size="1001*903"), (1000, 1000), (1008, 896)),  # noqa: E501
    ],
)  # fmt: skip
def test_size_of_the_result(values: dict[str, Any], base: tuple[int, int] | None, made: tuple[int, int]) -> None:
    assert rules.made_size(catalog.models()[values["model"]], order(values), base) == made


def test_size_that_can_not_be_kept_is_a_refusal() -> None:
    with pytest.raises(Refusal, match="4:1"):
        rules.made_size(catalog.models()["wan2.5-i2i-preview"], order(i2i()), (5000, 400))


@pytest.mark.parametrize("images", [0, 1])
def test_interleaved_output_is_refused_in_words(images: int) -> None:
    content = [{"text": "x"}, *[{"image": "https://a/b"}] * images]
    values = body("wan2.6-image", {"messages": [{"role": "user", "content": content}]}, enable_interleave=True)
    assert "the emulator does not do enable_interleave" in Desk().submit(values, ASYNC).json()["message"]
