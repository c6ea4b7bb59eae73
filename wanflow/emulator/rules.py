"""Which requests the service takes: rules from schemas/models.json and functions/*.json, answers in its own words.

Where several texts are documented and none for the very case, the nearest one is taken; such lines say "assumed".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wanflow.emulator.exchange import Refusal, Request, refusal
from wanflow.emulator.tasks import Order
from wanflow.functions.catalog import Model, Protocol, functions
from wanflow.functions.sizes import Size, SizeError, broken_limit, resulting
from wanflow.model import Blob

Values = Mapping[str, Any]
_CONFORM = "the parameters must conform"


def body_of(request: Request) -> dict[str, Any]:
    """The request's body with a model's name and an input. Raises Refusal."""
    body = request.values
    if not isinstance(body, dict):
        raise refusal("InvalidParameter", "Required body invalid")
    # A client in wide use sends null for whatever does not apply, so null is the same as nothing.
    body = {name: value for name, value in body.items() if value is not None}
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise refusal("BadRequest.EmptyModel")
    if "input" not in body:
        raise refusal("BadRequest.EmptyInput")
    if not isinstance(body["input"], dict) or not isinstance(body.get("parameters", {}), dict):
        raise refusal("BadRequest.IllegalInput")
    return body


def check_way(model: Model | None, protocol: Protocol, request: Request) -> Model:
    """The model, when it is served on this path and in this mode. Raises Refusal."""
    if model is None:
        raise refusal("InvalidParameter", "Model not exist")  # or 404 ModelNotFound: assumed
    if protocol not in model.protocols:
        raise refusal("InvalidParameter", "url error")
    wants_async = request.enabled("x-dashscope-async")
    if protocol.is_async and not wants_async:
        raise refusal("AccessDenied", "current user api does not support synchronous")
    if wants_async and not protocol.is_async:
        raise refusal("AccessDenied", "Current user api does not support asynchronous")
    return model


def order_of(model: Model, protocol: Protocol, body: Values, *, resolve: bool) -> Order:
    """What a body asks of a model, defaults filled in and the prompt cut. Raises Refusal."""
    wish = {name: value for name, value in body["input"].items() if value is not None}
    given = {name: value for name, value in body.get("parameters", {}).items() if value is not None}
    if "enable_interleave" in model.parameters and given.get("enable_interleave") is True:
        _refuse("the emulator does not do enable_interleave (text and images in a stream); the service does")
    function = _function(model, wish)
    if protocol.body == "messages":
        prompt, images = _message(model, wish)
    else:
        prompt, images = _prompt(model, function, wish), tuple(_images(model, function, wish))
    _check_urls(model, images)
    negative = _negative_prompt(model, wish, given)
    parameters = _parameters(model, function, given)
    _check_size(model, parameters)
    # A prompt that is too long is cut without a word.
    return Order(function, prompt[: model.prompt["max_length"]], negative, parameters, images, resolve)


def _function(model: Model, wish: Values) -> str:
    if not model.functions:
        return ""
    if (function := _text(wish, "function", "")) not in model.functions:
        raise refusal("InvalidParameter", "The type or value", parameter="function")  # assumed
    return function


def _text(values: Values, name: str, default: str | None = None) -> str:
    value = values.get(name, default)
    if not isinstance(value, str):
        raise refusal("InvalidParameter", "Required parameter", parameter=name)  # assumed
    return value


def _prompt(model: Model, function: str, wish: Values) -> str:
    prompt = _text(wish, "prompt")
    if not prompt and "empty_prompt" not in model.functions.get(function, {}):
        raise refusal("InvalidParameter", "Required parameter", parameter="prompt")  # assumed
    return prompt


def _images(model: Model, function: str, wish: Values) -> Iterator[tuple[str, str]]:
    """(slot, URL) of each image of a request with named fields; a field that doesn't apply is ignored."""
    fields = model.images["fields"] if model.images else {}
    if name := fields.get("images"):
        yield from _several(model, name, wish)
    if (name := fields.get("image")) and (model.images or {}).get("min"):
        yield "image", _text(wish, name)
    elif name and name in wish:
        yield "images.0", _text(wish, name)
    if model.functions.get(function, {}).get("mask"):
        yield "mask", _text(wish, fields["mask"])


def _several(model: Model, name: str, wish: Values) -> Iterator[tuple[str, str]]:
    urls = wish.get(name)
    if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
        raise refusal("InvalidParameter", "Required parameter", parameter=name)  # assumed
    _check_count(model, len(urls), name)
    yield from ((f"images.{place}", url) for place, url in enumerate(urls))


def _check_count(model: Model, count: int, name: str) -> None:
    low, high = (model.images["min"], model.images["max"]) if model.images else (0, 0)
    if not low <= count <= high:
        _refuse(f"{name} takes {low} to {high} images, got {count}")  # assumed


def _refuse(detail: str) -> None:
    raise refusal("InvalidParameter", _CONFORM, detail=detail)


def _message(model: Model, wish: Values) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Prompt and images of `input.messages`: one message, of the user, with exactly one text."""
    messages = wish.get("messages")
    if not isinstance(messages, list) or len(messages) != 1:
        raise refusal("InvalidParameter", "messages length only support 1")
    content = messages[0].get("content") if isinstance(messages[0], dict) else None
    if not isinstance(content, list) or messages[0].get("role") != "user":
        raise refusal("InvalidParameter", "Field required", parameter="input.messages.content")  # assumed
    parts = [part for part in content if isinstance(part, dict)]
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    urls = [part["image"] for part in parts if isinstance(part.get("image"), str)]
    if len(texts) != 1 or not texts[0]:
        _refuse("content must hold exactly one text")  # assumed
    _check_count(model, len(urls), "content")
    return texts[0], tuple((f"images.{place}", url) for place, url in enumerate(urls))


_URL = re.compile(r"https?://[!-~]+|oss://.+|data:image/[a-z+.-]+;base64,[A-Za-z0-9+/=\s]+")


def _check_urls(model: Model, images: tuple[tuple[str, str], ...]) -> None:
    # Chinese characters in a public URL are refused; local paths are the SDK's business.
    if not all(_URL.fullmatch(url) for _, url in images):
        raise refusal("InvalidURL")


def _negative_prompt(model: Model, wish: Values, given: Values) -> str:
    if not model.negative_prompt:
        return ""
    place = wish if model.negative_prompt["in"] == "input" else given
    return _text(place, "negative_prompt", "")[: model.negative_prompt["max_length"]]


def _parameters(model: Model, function: str, given: Values) -> dict[str, Any]:
    """The parameters that this model and function know; others are ignored."""
    values = {}
    for name, rule in model.parameter_rules(function).items():
        value = given.get(name, rule.get("default"))
        if name == "seed" and isinstance(value, str) and value.isdecimal() and len(value) <= 10:
            value = int(value)  # the Java samples send text
        if value is not None:
            _check(name, value, rule)
            values[name] = value
    return values


_KINDS: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "string": (str,),
}


def _check(name: str, value: Any, rule: Values) -> None:
    kind = rule["type"]
    fits = isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind == "boolean")
    if fits and "enum" in rule:
        fits = value in rule["enum"]
    if fits and "pattern" in rule:
        fits = re.search(rule["pattern"], value) is not None
    if not fits:
        raise refusal("InvalidParameter", "The type or value", parameter=name)
    if "minimum" in rule and not rule["minimum"] <= value <= rule["maximum"]:
        raise refusal("InvalidParameter", "Range of", parameter=name, low=rule["minimum"], high=rule["maximum"])


def _check_size(model: Model, parameters: Values) -> None:
    rule, text = model.size or {}, parameters.get("size")
    if not text or text in rule.get("names", {}):
        return
    width, height = (int(number) for number in text.split("*"))
    match broken_limit(width, height, rule):
        case "choices":
            raise refusal("InvalidParameter", "The size is not match", choices=rule["choices"])
        case "sides":
            limits = {"low": rule["min_side"], "high": rule["max_side"]}
            raise refusal("InvalidParameter", "Either width or height", **limits)
        case "pixels":
            limits = {"low": rule["min_pixels"], "high": rule["max_pixels"]}
            raise refusal("InvalidParameter", "Total pixels", pixels=width * height, **limits)
        case "ratio":
            _refuse(_ratio_text(rule["max_ratio"]))  # assumed


def _ratio_text(steepest: float) -> str:
    return f"the ratio of width to height must be between 1:{steepest:g} and {steepest:g}:1"


# -- images, once they have been downloaded


def check_images(model: Model, images: Mapping[str, tuple[Blob, bool]]) -> None:
    """Judge images by slot, each with whether it has alpha. Raises Refusal, which is the task's failure."""
    assert model.images  # noqa: S101 - told to mypy; without image rules there are no images
    for blob, alpha in images.values():
        _check_image(model.images, blob, alpha)
    if "mask" in images and images["mask"][0].size != images["image"][0].size:
        _refuse("mask_image_url must have the same resolution as base_image_url")  # assumed


def _check_image(rule: Values, blob: Blob, alpha: bool) -> None:
    # Whether alpha is refused or flattened where the pages say "no alpha" is not known: refused (assumed).
    if blob.format.replace("MPO", "JPEG") not in rule["formats"] or (alpha and not rule["alpha"]):
        raise refusal("InvalidParameter", "image format error")
    if blob.size_bytes > rule["max_bytes"]:
        raise refusal("InvalidImage.ImageSize")
    low, high = rule["min_side"], rule["max_side"]
    if min(blob.size) < low or max(blob.size) > high:
        limits = {"low": low, "high": high, "width": blob.width, "height": blob.height}
        raise refusal("InvalidParameter", "Image dimensions", **limits)
    if max(blob.size) > rule.get("max_ratio", float("inf")) * min(blob.size):
        _refuse(_ratio_text(rule["max_ratio"]))  # assumed


def made_size(model: Model, order: Order, size: Size | None) -> Size:
    """The size of the images that an order makes of an input of this size (of several: the last). Raises Refusal."""
    try:
        return _made_size(model, order, size)
    except SizeError as error:
        raise Refusal("InvalidParameter", str(error)) from error


def _made_size(model: Model, order: Order, size: Size | None) -> Size:
    rule, wish = model.size, order.parameters
    if rule is None:
        rule = functions()[f"wan/{order.function}"].size
    made = resulting(rule, size or (1, 1), wish)
    assert made  # noqa: S101 - told to mypy; a size went in
    return made
