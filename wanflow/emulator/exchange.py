"""What goes in and out of the emulator's core: requests, responses, and refusals in the provider's own words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from wanflow.documents.schemas import load


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a multipart upload in their order, and the file that ended it."""

    fields: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names in lower case, `origin` is what the caller reached us by (http://host:port)."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    form: Form | None = None
    origin: str = "http://emulator"

    @cached_property
    def values(self) -> Any:
        """The body as JSON values; None when it is no JSON. Parsed once: with images inside it is long."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def digest(self) -> str:
        """The sha256 of the body's values: bodies that differ only in spaces or order are equal."""
        values = json.dumps(self.values, sort_keys=True).encode() if self.values is not None else self.body
        return hashlib.sha256(values).hexdigest()

    def enabled(self, header: str) -> bool:
        """Whether a header of the provider's on/off kind is on."""
        return self.headers.get(header, "").lower() == "enable"


class Ending(StrEnum):
    """How a response leaves: as it should, or as faults want it."""

    WHOLE = "whole"
    RESET = "reset"
    HANG = "hang"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, and how it is delivered; seconds are the emulated clock's."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drip_s: float = 0.0
    ending: Ending = Ending.WHOLE
    # A synchronous call is answered when this task has ended.
    awaits: str | None = None

    def json(self) -> Any:
        """The body as JSON values."""
        return json.loads(self.body)


def answer(values: Mapping[str, Any], status: int = 200) -> Response:
    """A response with JSON values. Half a character, which JSON can hold and UTF-8 can't, becomes a question mark."""
    headers = {"x-request-id": values["request_id"]} if "request_id" in values else {}
    return Response(status, json.dumps(values, ensure_ascii=False).encode(errors="replace"), headers=headers)


def delivered(response: Response, **how: Any) -> Response:
    """The same response, delivered in another way."""
    return replace(response, **how)


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """The service says no: a code of schemas/errors.json and a text."""

    def __init__(self, code: str, message: str, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s
        self.code = code
        self.message = message
        self.status = status or error_entry(code)["status"]


def is_known(code: str) -> bool:
    """Whether schemas/errors.json knows a code."""
    return code in load("errors.json")["codes"]


def error_entry(code: str) -> Mapping[str, Any]:
    """What schemas/errors.json knows of a code; an unknown one is an internal error of its own name."""
    unknown = {"status": 500, "messages": [f"{code}."]}
    entry: Mapping[str, Any] = load("errors.json")["codes"].get(code, unknown)
    return entry


def refusal(code: str, start: str = "", **values: object) -> Refusal:
    """The refusal whose text begins with `start` (else the usual one), with values put in."""
    text = next(text for text in error_entry(code)["messages"] if text.startswith(start))
    return Refusal(code, text.format(**values) if values else text)
