"""The API key, so wrapped that no repr, log, message or pickle shows it."""

from __future__ import annotations

import re
from typing import NoReturn

from wanflow.errors import UsageError

_KEY = re.compile(r"[!-~]{1,512}")


class Secret:
    """A text that must not be shown; `reveal` is for the header of a request only. Raises UsageError."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not _KEY.fullmatch(text):
            raise UsageError("the API key is empty or holds characters that no key has (spaces, line ends, quotes?)")
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def hidden_in(self, data: bytes) -> bytes:
        """Bytes from outside without the secret: a service may quote the key that it refuses."""
        return data.replace(self._text.encode(), b"***")

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
