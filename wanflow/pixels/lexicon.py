"""The words of the trade: the vocabulary of ``lexicon.json`` and the tokens that a prompt is made of.

English is matched by longest phrase and simple endings, Chinese by longest match; no sentence is read here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any


class Kind(StrEnum):
    """What sort of region a word names; a `part` can't be found in a picture, `other` is an unknown word."""

    SKY = "sky"
    CLOUD = "cloud"
    BACKGROUND = "background"
    GROUND = "ground"
    GRASS = "grass"
    FOLIAGE = "foliage"
    WATER = "water"
    SURFACE = "surface"
    HAIR = "hair"
    SKIN = "skin"
    CLOTHES = "clothes"
    PERSON = "person"
    SUBJECT = "subject"
    LIGHT = "light"
    PART = "part"
    WHOLE = "whole"
    OTHER = "other"


class Role(StrEnum):
    """What a token does in a sentence."""

    COLOUR = "colour"
    REGION = "region"
    MODIFIER = "modifier"
    LINK = "link"
    AND = "and"
    WEAR = "wear"
    PREP = "prep"
    OF = "of"
    DE = "de"
    ARTICLE = "article"
    NOT = "not"
    SKIP = "skip"
    SEPARATOR = "separator"
    NOUN = "noun"


@dataclass(frozen=True, slots=True)
class Token:
    """A word in its role: `name` is its lexicon entry, `also` the region that a colour word may mean."""

    role: Role
    word: str
    name: str = ""
    also: str = ""
    modifiers: tuple[str, ...] = ()


@cache
def lexicon() -> dict[str, Any]:
    """The lexicon as it stands in the package."""
    source = resources.files("wanflow.pixels").joinpath("lexicon.json")
    loaded: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    loaded["regions"]["subject"]["en"] += loaded["also_flowers"]
    return loaded


@cache
def _vocabulary() -> dict[str, Token]:
    """Every known word or phrase, English and Chinese, as the token it makes."""
    entries = lexicon()
    groups = [
        (Role.MODIFIER, entries["modifiers"]),
        (Role.REGION, entries["regions"]),
        (Role.COLOUR, entries["colours"]),
    ]
    known: dict[str, Token] = {}
    for name, words in entries["grammar"].items():
        known.update((word, Token(Role(name), word, name)) for word in words["en"] + words["zh"])
    for role, group in groups:
        for name, words in group.items():
            for word in words["en"] + words["zh"]:
                before = known.get(word)
                also = before.name if role is Role.COLOUR and before and before.role is Role.REGION else ""
                known[word] = Token(role, word, name, also)
    return known


def tokens(prompt: str) -> list[Token]:
    """The tokens of a prompt with modifiers inside their colours and two-faced words decided."""
    return list(_resolved(_modified(list(_tokens(prompt)))))


def _tokens(prompt: str) -> Iterator[Token]:
    text = unicodedata.normalize("NFKC", prompt).lower().replace("’", "'").replace("don't", "not").replace("&", " and ")
    text = re.sub(r"'s\b|s'(?=\s)", "", text)
    text = re.sub(r"\b(hair|eye)d\b|\b(hair|eye)ed\b", r"\1\2", text)
    # A colon or an equals sign says "is" ("sky: blue"); hyphens and slashes join words ("sky-blue").
    text = re.sub(r"[-_/]+", " ", re.sub(r"[:=]|->", " is ", text))
    for run in re.findall(r"[a-z' ]+|[\u3400-\u9fff]+|[,.;!?、。\n|+]", text):
        if re.match(r"[a-z' ]", run):
            yield from _english(run.split())
        elif re.match(r"[\u3400-\u9fff]", run):
            yield from _chinese(run)
        else:
            yield Token(Role.SEPARATOR, run)


def _english(words: Sequence[str]) -> Iterator[Token]:
    """Longest known phrase first, plurals and -ish forms by rule."""
    at = 0
    while at < len(words):
        for length in (3, 2, 1):
            found = _known(words[at : at + length]) if at + length <= len(words) else None
            if found:
                yield found
                break
        else:
            length = 1
            # An unknown "running" or "softly" is no thing to paint.
            yield Token(Role.SKIP if words[at].endswith(("ing", "ly")) else Role.NOUN, words[at])
        at += length


def _known(words: Sequence[str]) -> Token | None:
    vocabulary = _vocabulary()
    stem = " ".join(words[:-1])
    for last in _singulars(words[-1]):
        token = vocabulary.get(f"{stem} {last}".strip())
        if token:
            return token
    return None


def _singulars(word: str) -> Iterator[str]:
    yield word
    for ending, instead in (
        ("ies", "y"),
        ("ves", "f"),
        ("ves", "fe"),
        ("es", ""),
        ("s", ""),
        ("ddish", "d"),
        ("ish", ""),
        ("ish", "e"),
        ("coloured", ""),
        ("colored", ""),
    ):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield word[: -len(ending)] + instead


def _chinese(run: str) -> Iterator[Token]:
    """Longest match, because Chinese has no spaces; what is unknown is gathered into one noun."""
    vocabulary, unknown, at = _vocabulary(), "", 0
    while at < len(run):
        length = next((n for n in range(6, 0, -1) if run[at : at + n] in vocabulary), 0)
        if length == 0:
            unknown += run[at]
            at += 1
            continue
        if unknown:
            yield Token(Role.NOUN, unknown)
            unknown = ""
        yield vocabulary[run[at : at + length]]
        at += length
    if unknown:
        yield Token(Role.NOUN, unknown)


def _modified(tokens: Sequence[Token]) -> Iterator[Token]:
    """Modifiers go into the colour that follows; "light" with no colour after it is a lamp."""
    held: list[Token] = []
    kept = [t for t in tokens if t.role is not Role.SKIP]
    for at, token in enumerate(kept):
        if token.role is Role.MODIFIER:
            held.append(token)
        elif token.role is Role.COLOUR:
            yield replace(token, modifiers=tuple(t.name for t in held))
            held = []
        elif token.role is Role.DE and held:
            continue
        else:
            if held and held[-1].word in ("light", "亮") and (token.role is not Role.REGION or at < 1):
                yield Token(Role.REGION, held[-1].word, Kind.LIGHT)
            held = []
            yield token
    if held and held[-1].word == "light":
        yield Token(Role.REGION, "light", Kind.LIGHT)


def _resolved(stream: Iterator[Token]) -> Iterator[Token]:
    """Decide two-faced words: a rose is a flower or a colour, "sky blue" a colour or a sky that is blue."""
    tokens = list(stream)
    for at, token in enumerate(tokens):
        before = tokens[at - 1].role if at else Role.SEPARATOR
        after = [t.role for t in tokens[at + 1 : at + 3]] + [Role.SEPARATOR] * 2
        if after[0] is Role.DE:
            after = after[1:]
        noun_next = after[0] is Role.REGION
        if token.role is not Role.COLOUR:
            yield token
        elif token.also and not noun_next and (before is Role.COLOUR or after[:2] == [Role.LINK, Role.COLOUR]):
            yield Token(Role.REGION, token.word, token.also)
        elif (halves := _halves(token)) and not noun_next and before not in (Role.REGION, Role.LINK, Role.WEAR):
            yield from halves
        else:
            yield token


def _halves(token: Token) -> tuple[Token, Token] | None:
    """The region and the colour inside a name such as "sky blue" or 草绿, or None."""
    vocabulary = _vocabulary()
    cut = token.word.find(" ") if " " in token.word else len(token.word) - 1
    first, second = vocabulary.get(token.word[:cut]), vocabulary.get(token.word[cut:].strip())
    if not first or not second or (first.role, second.role) != (Role.REGION, Role.COLOUR):
        return None
    return first, replace(second, modifiers=token.modifiers)
