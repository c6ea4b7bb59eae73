"""What a prompt asks of colours: which colour for which part of the picture, in English and Chinese.

A small grammar over a closed vocabulary (``lexicon.json``), not a language model: a colour belongs to the noun after it
("brown coat") or to the one before ("make the sky orange", "猫是橘色的"). Words it doesn't know are passed over.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from wanflow.pixels.chroma import Tone, tone_of


class Kind(StrEnum):
    """What sort of region a word names; `part` is a known word that can't be found in a picture, `other` an unknown one."""

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


@dataclass(frozen=True, slots=True)
class Wish:
    """One asked colour: the region word, its kind, the colour's name, its tone in OKLCh and the modifiers in order."""

    region: str
    kind: Kind
    colour: str
    tone: Tone
    modifiers: tuple[str, ...] = ()


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
    """A word in its role: `name` is its entry in the lexicon; `also` the region a colour word may mean instead."""

    role: Role
    word: str
    name: str = ""
    also: str = ""
    modifiers: tuple[str, ...] = ()


@cache
def _lexicon() -> dict[str, Any]:
    source = resources.files("wanflow.pixels").joinpath("lexicon.json")
    loaded: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    loaded["regions"]["subject"]["en"] += loaded["also_flowers"]
    return loaded


@cache
def _vocabulary() -> dict[str, Token]:
    """Every known word or phrase, English and Chinese, as the token it makes."""
    lexicon = _lexicon()
    groups = [
        (Role.MODIFIER, lexicon["modifiers"]),
        (Role.REGION, lexicon["regions"]),
        (Role.COLOUR, lexicon["colours"]),
    ]
    known: dict[str, Token] = {}
    for name, words in lexicon["grammar"].items():
        known.update((word, Token(Role(name), word, name)) for word in words["en"] + words["zh"])
    for role, entries in groups:
        for name, words in entries.items():
            for word in words["en"] + words["zh"]:
                before = known.get(word)
                also = before.name if role is Role.COLOUR and before and before.role is Role.REGION else ""
                known[word] = Token(role, word, name, also)
    return known


@cache
def _tones() -> dict[str, Tone]:
    return {
        name: tone_of(np.array(list(bytes.fromhex(entry["rgb"][1:])), np.uint8))
        for name, entry in _lexicon()["colours"].items()
    }


def colours() -> tuple[str, ...]:
    """The names of the colours understood."""
    return tuple(_lexicon()["colours"])


def tone(colour: str, modifiers: Sequence[str] = (), kind: Kind = Kind.WHOLE) -> Tone:
    """The tone of a colour name after its modifiers; skies and leaves have their own blue and green within 15 degrees."""
    base = _tones()[colour]
    lightness, chroma = base.lightness, base.chroma
    for modifier in modifiers:
        change = _lexicon()["modifiers"][modifier]
        lightness, chroma = lightness + change["lightness"], chroma * change["chroma"]
    hue = _lexicon()["natural"].get(f"{colour} {kind}", base.hue_deg)
    return Tone(min(max(lightness, 0.05), 0.98), min(chroma, 0.25), float(hue))


def parse(prompt: str) -> tuple[Wish, ...]:
    """The wishes in a prompt, in the order of their regions; empty when it names no colour. Raises nothing."""
    reader = _Reader(list(_resolved(_modified(list(_tokens(prompt))))))
    reader.read()
    return tuple(reader.wishes())


def _tokens(prompt: str) -> Iterator[Token]:
    text = (
        unicodedata.normalize("NFKC", prompt)
        .lower()
        .replace("’", "'")
        .replace("don't", "not")
        .replace("&", " and ")
    )
    text = re.sub(r"'s\b|s'(?=\s)", "", text)
    # A colon or an equals sign says "is": "sky: blue"; hyphens and slashes join words: "sky-blue", "ginger-haired".
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
    """Modifiers go into the colour that follows; "light" with no colour after it is a lamp, others mean nothing alone."""
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
    """Decide the two-faced words: a rose is a flower or a colour, "sky blue" a colour or a sky that is blue."""
    tokens = list(stream)
    for at, token in enumerate(tokens):
        before = tokens[at - 1].role if at else Role.SEPARATOR
        after = [t.role for t in tokens[at + 1 : at + 3]] + [Role.SEPARATOR] * 2
        if after[0] is Role.DE:
            after = after[1:]
        noun_next = after[0] is Role.REGION
        if token.role is not Role.COLOUR:
            yield token
        elif (
            token.also and not noun_next and (before is Role.COLOUR or after[:2] == [Role.LINK, Role.COLOUR])
        ):
            yield Token(Role.REGION, token.word, token.also)
        elif (
            (halves := _halves(token)) and not noun_next and before not in (Role.REGION, Role.LINK, Role.WEAR)
        ):
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


@dataclass
class _Reader:
    """Walks the tokens once and gives every colour to a region."""

    tokens: list[Token]
    at: int = 0
    open: list[Token] = field(default_factory=list)  # regions named and still without a colour
    named: list[Token] = field(default_factory=list)  # regions that a colour was last given to
    pending: Token | None = None  # a colour that waits for its noun
    given: Token | None = None  # the colour last given, for "green grass and trees"
    loose: list[Token] = field(default_factory=list)  # colours that found no region
    found: dict[str, tuple[Token, Token]] = field(default_factory=dict)
    skip: Role | None = None  # the role that "of" or "not" takes away next
    wears: bool = False

    def read(self) -> None:
        """Read to the end."""
        for self.at, token in enumerate(self.tokens):
            if self.skip is token.role:
                self.skip = None
            else:
                self._take(token)
        self._drop()

    def wishes(self) -> Iterator[Wish]:
        """What was found, else the first loose colour for the whole picture; people are not painted by their own colour."""
        if not self.found and self.loose:
            self.found["picture"] = (Token(Role.REGION, "picture", Kind.WHOLE), self.loose[0])
        for region, colour in self.found.values():
            kind = Kind(region.name)
            # "a white man in a brown coat" describes somebody; it asks for no paint.
            if kind is Kind.PERSON and colour.name in ("white", "black", "brown", "tan"):
                continue
            yield Wish(
                region.word, kind, colour.name, tone(colour.name, colour.modifiers, kind), colour.modifiers
            )

    def _take(self, token: Token) -> None:
        if token.role is Role.COLOUR:
            self._colour(token)
        elif token.role is Role.REGION:
            self._region(token)
        elif token.role is Role.NOUN:
            self._noun(token)
        elif token.role is Role.LINK:
            self.open = self.open or self.named
        elif token.role is Role.SEPARATOR:
            self._separate()
        elif token.role is Role.NOT:
            self.skip = Role.COLOUR
        elif token.role is Role.OF and self.open and self.open[-1].name != Kind.WHOLE:
            self.skip = Role.REGION
        elif token.role in (Role.PREP, Role.WEAR):
            self.wears = token.role is Role.WEAR
            if token.role is Role.PREP:
                self.given = None

    def _colour(self, token: Token) -> None:
        if self._belongs_forward():
            joined = self._before(1) is not Role.COLOUR
            self.pending = self.pending if self.pending and joined else token
        elif self.open:
            for region in self.open:
                self._give(region, token)
            self.named, self.open = self.open, []
        elif self.pending is None:
            self.pending = token

    def _belongs_forward(self) -> bool:
        """Does a noun follow that has no colour of its own further on?"""
        rest = [t.role for t in self.tokens[self.at + 1 :]] + [Role.SEPARATOR] * 3
        start = next(n for n, role in enumerate(rest) if role not in (Role.DE, Role.NOUN, Role.COLOUR))
        if rest[start] is not Role.REGION:
            return False
        if not self.open:
            return True
        if self._before(1) is Role.LINK and self._before(2) in (Role.REGION, Role.NOUN) and start == 0:
            tail = [role for role in rest[start + 1 : start + 3] if role is not Role.ARTICLE]
            return tail[0] not in (Role.LINK, Role.COLOUR)
        own = rest[start + 1] is Role.COLOUR or (
            rest[start + 1] is Role.LINK and rest[start + 2] is Role.COLOUR
        )
        return not own

    def _region(self, token: Token) -> None:
        before, colour = self._before(1), self.pending
        joined = before is Role.AND or (before is Role.ARTICLE and self._before(2) is Role.AND)
        if before is Role.REGION and token.name != Kind.PERSON:  # "car door": the last noun is what is meant
            last = self.tokens[self.at - 1]
            if last in self.open:
                self.open.remove(last)
            elif last.word in self.found and self.found[last.word][0] is last:
                colour = self.found.pop(last.word)[1]
        if colour:
            self._give(token, colour)
            self.pending, self.named, self.open = None, [token], []
        elif before is Role.AND and self.given and not self.open:
            self._give(token, self.given)  # "green grass and trees", until a colour of its own follows
            self.named, self.open = [token], [token]
        else:
            self.open = [*self.open, token] if joined else [token]

    def _noun(self, token: Token) -> None:
        self.skip = None
        follows = self.tokens[self.at + 1].role if self.at + 1 < len(self.tokens) else Role.SEPARATOR
        if self.pending and follows not in (Role.REGION, Role.NOUN, Role.COLOUR, Role.DE):
            self._give(replace(token, name=Kind.OTHER), self.pending)
            self.pending = None

    def _separate(self) -> None:
        alone = self._before(1) is Role.REGION and self._before(2) in (Role.SEPARATOR, Role.ARTICLE)
        self._drop()
        self.given, self.named, self.wears, self.skip = None, [], False, None
        self.open = self.open if alone else []

    def _drop(self) -> None:
        if self.pending:
            self.loose.append(self.pending)
        self.pending = None

    def _give(self, region: Token, colour: Token) -> None:
        if region.name == Kind.PERSON and colour.word in ("blonde", "blond", "brunette", "redhead"):
            region = replace(region, word="hair", name=Kind.HAIR)
        elif region.name == Kind.PERSON and self.wears:  # "a woman in red" wears it
            region = replace(region, word="clothes", name=Kind.CLOTHES)
        self.found[region.word] = (region, colour)
        self.given = colour

    def _before(self, steps: int) -> Role:
        return self.tokens[self.at - steps].role if self.at >= steps else Role.SEPARATOR
