"""Ways to spoil a text, by a seeded random: pieces dropped, doubled, moved, deepened, and nasty ones put in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

NASTY = (
    *("\x00", "\x1b[31m", "\x07", "\x85", "\u2028", "\u202e", "\ufeff", "\ufffe", "\ud800", "\U0001f98a", "é", "İ", "ﷺ"),
    *("\t", "\n", "\r", "\r\n", '"', "'", "`", "\\", "\\u0000", "\\ud800", "\\x", "%s", "%n", "{0}", "${{", "}}", "{%"),
    *("&a", "*a", "<<: *a", "!!python/object:os.system", "!x", "|", ">-", "---", "...", "? ", "- ", ": ", "#", "@"),
    *("../", "/", "//", "~", "..", ".", "C:\\", "file:", "http://127.0.0.1/", "/dev/zero", "con", "nul", "a" * 300),
    *("**", "*", "?", "[", "[!", "]", "{", "}", "(", ")", "(a+)+$", "\\1", "(?=a)", "[[:alpha:]]", "x{1000}", "|"),
    *("0", "-0", "1", "-1", "1e999", "-1e999", "9" * 400, "0.1", "NaN", "Infinity", "null", "true", "no", "12:30", "0x1f"),
    *("[" * 60, "{" * 60, "(" * 60, "[" * 3000, "(" * 3000, "not " * 900, "- " * 900, '{"a":' * 1500, "&a [*a,*a]"),
)  # fmt: skip


def text(random: Random, whole: str, words: Sequence[str] = ()) -> str:
    """The text, spoilt once or several times; `words` are of its own language."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        whole = random.choice(_WAYS)(random, whole, words)
    return whole[:200_000]


def _span(random: Random, whole: str) -> tuple[int, int]:
    start = random.randint(0, len(whole))
    return start, min(len(whole), start + random.choice((0, 1, 1, 2, 5, 20, 200)))


def _drop(random: Random, whole: str, words: Sequence[str]) -> str:
    start, end = _span(random, whole)
    return whole[:start] + whole[end:]


def _repeat(random: Random, whole: str, words: Sequence[str]) -> str:
    start, end = _span(random, whole)
    return whole[:end] + whole[start:end] * random.choice((1, 1, 2, 10, 100)) + whole[end:]


def _put(random: Random, whole: str, words: Sequence[str]) -> str:
    start, end = _span(random, whole)
    piece = random.choice(words) if words and random.random() < 0.6 else random.choice(NASTY)
    return whole[:start] + piece + whole[random.choice((start, end)) :]


def _character(random: Random, whole: str, words: Sequence[str]) -> str:
    start, _ = _span(random, whole)
    return whole[:start] + chr(random.choice((random.randrange(128), random.randrange(0x110000)))) + whole[start + 1 :]


def _move(random: Random, whole: str, words: Sequence[str]) -> str:
    start, end = _span(random, whole)
    place, _ = _span(random, whole)
    return whole[:place] + whole[start:end] + whole[place:]


def _cut(random: Random, whole: str, words: Sequence[str]) -> str:
    return whole[: random.randint(0, len(whole))]


def _line(random: Random, whole: str, words: Sequence[str]) -> str:
    lines = whole.split("\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], random.choice((lines[one], "  " + lines[one], lines[one].lstrip()))
    return "\n".join(lines)


_WAYS: tuple[Callable[[Random, str, Sequence[str]], str], ...] = (
    *(_drop, _repeat, _put, _put, _put, _character, _move, _cut, _line),
)


def raw(random: Random, whole: bytes) -> bytes:
    """Bytes of another encoding, or with some changed."""
    way = random.randrange(6)
    if way == 0:
        return whole.decode("utf-8", "replace").encode(
            random.choice(("utf-16", "utf-32", "latin-1", "utf-7")), "replace"
        )
    spoilt = bytearray(whole)
    for _ in range(random.choice((1, 1, 4, 30))):
        if spoilt:
            spoilt[random.randrange(len(spoilt))] = random.randrange(256)
    return random.choice((b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00")) + bytes(spoilt)


def value(random: Random, depth: int = 3) -> Any:
    """Any JSON value, odd ones more often than not."""
    if depth and random.random() < 0.35:
        many = random.choice((0, 1, 2, 2, 3, 40))
        if random.random() < 0.5:
            return [value(random, depth - 1) for _ in range(many)]
        return {str(value(random, 0))[:80]: value(random, depth - 1) for _ in range(many)}
    return random.choice(
        (
            *(None, True, False, 0, 1, -1, 2, 0.5, 1e300, -1e300, 10**18, 10**60, "", " ", "a", "x.png"),
            *(random.choice(NASTY), random.choice(NASTY), random.random(), random.randrange(100), "a" * 5000),
        )
    )


def tree(random: Random, whole: Any) -> Any:
    """A copy of a JSON value in which a few parts are other ones, are gone, or have moved."""
    parts: list[Any] = [whole]
    for part in parts:
        parts += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()

    def copied(part: Any) -> Any:
        if random.random() < 1.5 / len(parts):
            return random.choice((lambda: value(random), lambda: random.choice(parts)))()
        if isinstance(part, dict):
            return {name: copied(each) for name, each in part.items() if random.random() > 0.3 / len(parts)}
        return [copied(each) for each in part] if isinstance(part, list) else part

    return copied(whole)


def dumped(random: Random, whole: Any) -> str:
    """A JSON value as text, now and then with what JSON doesn't allow."""
    return json.dumps(whole, ensure_ascii=random.random() < 0.5)
