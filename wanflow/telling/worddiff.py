"""Which words of two texts differ, and the texts without what is alike and far from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

# A Chinese or Japanese character is a word of its own.
_WORD = re.compile(r"\s+|[\u2e80-\u9fff\uf900-\ufaff]|[^\W_\u2e80-\u9fff\uf900-\ufaff]+|.", re.DOTALL)
_LETTER = re.compile(r"[^\W_]")
# Comparing all words with all others takes time; of longer texts only beginning and end are held against each other.
MOST_PAIRS = 250_000
AROUND = 24


class Kind(StrEnum):
    """To which of the two texts a part belongs."""

    SAME = "same"
    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of words."""

    kind: Kind
    text: str


def compared(old: str, new: str) -> list[Part]:
    """The parts of two texts in order: what both have, what only the old has, what only the new has."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    middle = before[start : len(before) - end], after[start : len(after) - end]
    head, tail = "".join(before[:start]), "".join(before[len(before) - end :])
    found = [(Kind.SAME, head), *_between(*middle), (Kind.SAME, tail)]
    return list(_joined([Part(kind, text) for kind, text in found if text]))


def _alike(before: Sequence[str], after: Sequence[str]) -> int:
    pairs = zip(before, after, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))


def _between(before: list[str], after: list[str]) -> Iterator[tuple[Kind, str]]:
    if len(before) * len(after) > MOST_PAIRS:
        yield from ((Kind.OLD, "".join(before)), (Kind.NEW, "".join(after)))
        return
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Kind.SAME, "".join(before[i:j])
        else:
            yield from ((Kind.OLD, "".join(before[i:j])), (Kind.NEW, "".join(after[k:m])))


def _joined(parts: list[Part]) -> Iterator[Part]:
    """The same with neighbouring changes as one: a blank or a comma between two changed words is no common ground."""
    old = new = ""
    for place, part in enumerate(parts):
        if part.kind is Kind.SAME and (_LETTER.search(part.text) or not (old or new) or place == len(parts) - 1):
            yield from (Part(kind, text) for kind, text in ((Kind.OLD, old), (Kind.NEW, new)) if text)
            old = new = ""
            yield part
        else:
            old += part.text if part.kind is not Kind.NEW else ""
            new += part.text if part.kind is not Kind.OLD else ""
    yield from (Part(kind, text) for kind, text in ((Kind.OLD, old), (Kind.NEW, new)) if text)


def shortened(parts: Sequence[Part], most: int = 400) -> list[Part]:
    """The same with an ellipsis for what is alike and far from any change, for what is long, and after many changes."""
    shown: list[Part] = []
    room = 3 * most
    for place, part in enumerate(parts):
        text = _short(part, place == 0, place == len(parts) - 1, most)
        if (room := room - len(text)) < 0:
            return [*shown, Part(Kind.SAME, "…")]
        shown.append(Part(part.kind, text))
    return shown


def _short(part: Part, first: bool, last: bool, most: int) -> str:
    text = part.text
    if part.kind is not Kind.SAME:
        return text if len(text) <= most else f"{text[: most - 1]}…"
    if len(text) <= 2 * AROUND + 8:
        return text
    before = text[:AROUND].rpartition(" ")[0] or text[:AROUND]
    after = text[-AROUND:].partition(" ")[2] or text[-AROUND:]
    # Of a text in quotes, these stay.
    opening, closing = '"' * text.startswith('"'), '"' * text.endswith('"')
    return f"{opening if first else f'{before} '}…{closing if last else f' {after}'}"


def side(parts: Sequence[Part], kind: Kind) -> str:
    """One of the two texts."""
    return "".join(part.text for part in parts if part.kind in (Kind.SAME, kind))
