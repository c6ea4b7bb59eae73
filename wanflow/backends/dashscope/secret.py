"""The API key, so wrapped that no repr, log, message or pickle shows it."""

from __future__ import annotations

import re
from typing import NoReturn

from wanflow.errors import UsageError

_KEY = re.compile(r"sk-[!-~]{1,512}")


class Secret:
    """A text that must not be shown; `reveal` is for the header of a request only. Raises UsageError."""

    __slots__ = ("_text",)

    def __init__(self, text: str, name: str = "the API key") -> None:
        if any(char in text for char in "'\"`"):
            raise UsageError(f"{name} holds quotes; put it there without them")
        if any(char.isspace() for char in text):
            raise UsageError(f"{name} holds blanks or line ends; put it there without them")
        if not _KEY.fullmatch(text):
            raise UsageError(f"{name} is none of DashScope's: those are sk- and ASCII letters; copy it anew, and whole")
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
