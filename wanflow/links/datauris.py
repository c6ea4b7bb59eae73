"""Pictures that stand in a text themselves: data:image/png;base64,… (RFC 2397), strictly read."""

from __future__ import annotations

import base64
import binascii
import re

from wanflow.errors import EditError, inline, quoted

MAX_BYTES = 10_000_000
MAX_CHARACTERS = 4 * -(-MAX_BYTES // 3) + 100
_HEAD = re.compile(r"data:image/(png|jpeg|jpg|webp|bmp|x-ms-bmp|tiff);base64,", re.IGNORECASE)
MAX_HEAD = 100


def is_data(text: str) -> bool:
    """Whether a text is meant to be a picture itself."""
    return text[:5].lower() == "data:"


def is_picture(text: str) -> bool:
    """Whether it begins as one that is read."""
    return _HEAD.match(text) is not None


def shown(text: str) -> str:
    """What messages call it: data:image/png, 12 kB."""
    kind = inline(re.split(r"[;,]", text[:MAX_HEAD], maxsplit=1)[0][:40].lower())
    letters = len(text) - text[:MAX_HEAD].find(",") - 1 - text[-2:].count("=")
    size = max(0, letters) * 3 // 4
    return f"{kind}, {size // 1000:,} kB" if size >= 1000 else f"{kind}, {size} bytes"


def decode(text: str) -> bytes:
    """The picture's bytes. Raises EditError."""
    head = _HEAD.match(text)
    if not head:
        known = "data:image/png;base64,… (or jpeg, webp, bmp, tiff)"
        raise EditError("DataRefused", f"{quoted(text[:MAX_HEAD], 40)} is not read; write {known}, or name a file")
    if len(text) > MAX_CHARACTERS:
        raise EditError("DataRefused", f"it has over {MAX_BYTES // 1_000_000} MB; put it into a file")
    try:
        written = text[head.end() :].encode("ascii")
        data = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        written, data = b"?", b""
    if base64.b64encode(data) != written:  # some versions of Python let more = pass than belong there
        message = "what follows base64, is no base64: a letter is wrong, or its end is missing; name a file"
        raise EditError("DataRefused", message)
    if len(data) > MAX_BYTES:
        raise EditError("DataRefused", f"it has over {MAX_BYTES // 1_000_000} MB; put it into a file")
    return data
