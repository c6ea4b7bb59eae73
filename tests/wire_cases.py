"""The provider's own client's recorded requests (tests/wire), and what the same work is as a call of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wanflow.functions import catalog
from wanflow.model import Call

FOLDER = Path(__file__).parent / "wire"


def recorded(name: str) -> list[dict[str, Any]]:
    """The requests of a case, in order."""
    requests: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["requests"]
    return requests


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def submit_of(name: str) -> dict[str, Any] | None:
    """The paid request of a case, if it has one."""
    return next((request for request in recorded(name) if "/services/" in request["path"]), None)


def call_of(body: Mapping[str, Any]) -> tuple[Call, str, dict[str, str]]:
    """The call, the model and the pictures' URLs that a recorded body stands for."""
    model = catalog.models()[body["model"]]
    given = dict(body["input"])
    if "messages" in given:
        parts = given["messages"][0]["content"]
        pictures = {f"images.{place}": part["image"] for place, part in enumerate(parts) if "image" in part}
        prompts = {"prompt": next(part["text"] for part in parts if "text" in part)}
    else:
        pictures = dict(_pictures(model, given))
        prompts = {name: given[name] for name in ("prompt", "negative_prompt") if name in given}
    function = f"wan/{given.get('function') or ('i2i' if 'images' in given else 't2i')}"
    inputs = {slot: (url, "") for slot, url in pictures.items()}
    return Call("key", function, {**body["parameters"], **prompts}, inputs), model.name, pictures


def _pictures(model: catalog.Model, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    fields = model.images["fields"] if model.images else {}
    found = []
    for slot, field in fields.items():
        if field in given and slot == "images":
            found += [(f"images.{place}", url) for place, url in enumerate(given[field])]
        elif field in given:
            found.append((slot, given[field]))
    return found
