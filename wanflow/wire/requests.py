"""What is sent to the provider: method, path after the base URL, query, headers and JSON body of every request.

No key and no bytes of pictures: the client adds the one, and the other comes as URLs (http, https, oss or data).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from wanflow.errors import EditError
from wanflow.functions.catalog import Model, Protocol
from wanflow.model import Call
from wanflow.wire.answers import Policy
from wanflow.wire.reading import CHINA

# Parameters that have a place of their own; the catalogue says where negative_prompt goes.
_PROMPTS = ("prompt", "negative_prompt")


# The provider lists a day at once; both ends are told in whole seconds, which may add one.
WINDOW = timedelta(hours=24) - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the provider's API; `path` follows the base URL."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None

    @property
    def content(self) -> bytes | None:
        """The body: UTF-8 JSON, or None. Raises EditError for half characters and NaN."""
        if self.json is None:
            return None
        try:
            return json.dumps(self.json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        except ValueError as error:
            message = "a parameter holds half a character, or a number that JSON can't say; look at the prompt"
            raise EditError("NotJson", message) from error


def submission(model: Model, protocol: Protocol, name: str, call: Call, pictures: Mapping[str, str]) -> Request:
    """The request for a call: `name` is the model's name in the region, `pictures` the URL of each of `slots`."""
    body = {"model": name, "parameters": _parameters(model, call), "input": _input(model, protocol, call, pictures)}
    headers = {"X-DashScope-Async": "enable"} if protocol.is_async else {}
    if any(url.startswith("oss://") for url in pictures.values()):
        headers["X-DashScope-OssResourceResolve"] = "enable"
    return Request("POST", protocol.path, headers=headers, json=body)


def slots(model: Model, call: Call) -> Sequence[str]:
    """Which of a call's inputs go to the model, in order; hints for the draft engine don't."""
    fields = model.images["fields"] if model.images else {}
    return sorted((slot for slot in call.inputs if _root(slot) in fields), key=_place)


def _root(slot: str) -> str:
    return slot.partition(".")[0]


def _place(slot: str) -> tuple[str, int]:
    root, _, number = slot.partition(".")
    return root, int(number or 0)


def _parameters(model: Model, call: Call) -> dict[str, Any]:
    values = {name: value for name, value in call.parameters.items() if name not in _PROMPTS and value is not None}
    # What the service would make by itself is up to four images, and each is paid.
    values.setdefault("n", 1)
    return values | _negative_prompt(model, call, "parameters")


def _negative_prompt(model: Model, call: Call, place: str) -> dict[str, str]:
    text = call.parameters.get("negative_prompt")
    goes = model.negative_prompt["in"] if model.negative_prompt else None
    return {"negative_prompt": text} if text is not None and goes == place else {}


def _input(model: Model, protocol: Protocol, call: Call, pictures: Mapping[str, str]) -> dict[str, Any]:
    prompt = call.parameters.get("prompt", "")
    if protocol.body == "messages":
        content = [{"image": url} for url in pictures.values()]
        return {"messages": [{"role": "user", "content": [*content, {"text": prompt}]}]}
    function = call.function.partition("/")[2]
    named = {"function": function} if function in model.functions else {}
    return {"prompt": prompt, **_negative_prompt(model, call, "input"), **named, **_fields(model, pictures)}


def _fields(model: Model, pictures: Mapping[str, str]) -> dict[str, Any]:
    fields = model.images["fields"] if model.images else {}
    values: dict[str, Any] = {}
    for slot, url in pictures.items():
        name = fields[_root(slot)]
        if _root(slot) == "images":
            values.setdefault(name, []).append(url)
        else:
            values[name] = url
    return values


def poll(task_id: str) -> Request:
    """How a task is doing."""
    return Request("GET", f"/tasks/{quote(task_id, safe='')}")


def cancel(task_id: str) -> Request:
    """Stop a task that still waits."""
    return Request("POST", f"/tasks/{quote(task_id, safe='')}/cancel")


def listing(
    since: datetime | None = None,
    until: datetime | None = None,
    name: str | None = None,
    *,
    page: int = 1,
    size: int = 10,
) -> Request:
    """A page of the account's tasks, submitted within a window of at most WINDOW, of the model of that name."""
    query = {"page_no": str(page), "page_size": str(size)}
    if since:
        query["start_time"] = _moment(since)
    if until:
        query["end_time"] = _moment(until + timedelta(microseconds=999_999))  # whole seconds, and none is left out
    return Request("GET", "/tasks", query | ({"model_name": name} if name else {}))


def _moment(time: datetime) -> str:
    # The pages give the form but no zone; all their other times are China's (assumed).
    return time.astimezone(CHINA).strftime("%Y%m%d%H%M%S")


def policy(name: str) -> Request:
    """Leave to put files where the model of that name can read them."""
    return Request("GET", "/uploads", {"action": "getPolicy", "model": name})


def upload_form(granted: Policy, filename: str, media_type: str) -> dict[str, str]:
    """The fields of the upload's multipart form in their order; the file comes after them."""
    return {
        "OSSAccessKeyId": granted.access_key_id,
        "Signature": granted.signature,
        "policy": granted.policy,
        "key": upload_key(granted, filename),
        "x-oss-object-acl": granted.object_acl,
        "x-oss-forbid-overwrite": granted.forbid_overwrite,
        "success_action_status": "200",
        "x-oss-content-type": media_type,
    }


def upload_key(granted: Policy, filename: str) -> str:
    """Where the upload lies: `oss://` and this is its address."""
    return f"{granted.upload_dir}/{filename}"
