"""What a prompt asks of colours: which colour for which part of the picture, in English and Chinese.

A small grammar over a closed vocabulary: a colour belongs to the noun after it ("brown coat") or to the one
before ("make the sky orange", "猫是橘色的"). Words it doesn't know are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from wanflow.pixels.chroma import Tone, tone_of
from wanflow.pixels.lexicon import Kind, Role, Token, lexicon, tokens

__all__ = ["Kind", "Wish", "colours", "parse", "tone"]


@dataclass(frozen=True, slots=True)
class Wish:
    """One asked colour: region word and kind, colour name, OKLCh tone and modifiers in order."""

    region: str
    kind: Kind
    colour: str
    tone: Tone
    modifiers: tuple[str, ...] = ()


@cache
def _tones() -> dict[str, Tone]:
    return {
        name: tone_of(np.array(list(bytes.fromhex(entry["rgb"][1:])), np.uint8))
        for name, entry in lexicon()["colours"].items()
    }


def colours() -> tuple[str, ...]:
    """The names of the colours understood."""
    return tuple(lexicon()["colours"])


def tone(colour: str, modifiers: Sequence[str] = (), kind: Kind = Kind.WHOLE) -> Tone:
    """The tone of a colour name after its modifiers; skies and leaves have their own blue and green."""
    base = _tones()[colour]
    lightness, chroma = base.lightness, base.chroma
    for modifier in modifiers:
        change = lexicon()["modifiers"][modifier]
        lightness, chroma = lightness + change["lightness"], chroma * change["chroma"]
    hue = lexicon()["natural"].get(f"{colour} {kind}", base.hue_deg)
    return Tone(min(max(lightness, 0.05), 0.98), min(chroma, 0.25), float(hue))


def parse(prompt: str) -> tuple[Wish, ...]:
    """The wishes in a prompt, in the order of their regions; empty if it names no colour. Raises nothing."""
    reader = _Reader(tokens(prompt))
    reader.read()
    return tuple(reader.wishes())


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
        for at, token in enumerate(self.tokens):
            self.at = at
            if self.skip is token.role:
                self.skip = None
            else:
                self._take(token)
        self._drop()

    def wishes(self) -> Iterator[Wish]:
        """What was found, else the first loose colour for the whole picture."""
        if not self.found and self.loose:
            self.found["picture"] = (Token(Role.REGION, "picture", Kind.WHOLE), self.loose[0])
        for region, colour in self.found.values():
            kind = Kind(region.name)
            # "a white man in a brown coat" describes somebody; it asks for no paint.
            if kind is Kind.PERSON and colour.name in ("white", "black", "brown", "tan"):
                continue
            yield Wish(region.word, kind, colour.name, tone(colour.name, colour.modifiers, kind), colour.modifiers)

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
        own = rest[start + 1] is Role.COLOUR or (rest[start + 1] is Role.LINK and rest[start + 2] is Role.COLOUR)
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
