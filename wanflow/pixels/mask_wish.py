"""What a prompt asks of the white part of a mask: take it away, change its colour or material, or draw something new.

Clause by clause, as `instruction` does. A description of a background ("grass", "empty wooden table") asks for
deletion, as the provider advises for large things. A description of a thing ("a red rose", "a wooden cup") asks for
that thing, which needs a model; a bare colour or material and words of change ("make it red") are about what is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wanflow.pixels import styles
from wanflow.pixels.instruction import Change, Verb, asks_for_objects, clauses, is_unknown, read, says_nothing
from wanflow.pixels.lexicon import Kind, Role, Token, tokens
from wanflow.pixels.negation import is_forbidden, takes_away, takes_colour
from wanflow.pixels.words import tone


@dataclass(frozen=True, slots=True)
class Deletion:
    """Take away what is in the mask; `described` is the background that the prompt tells of, if it does."""

    described: str = ""


@dataclass(frozen=True, slots=True)
class Remake:
    """Remake what is in the mask in a material of `materials`."""

    material: str


Deed = Deletion | Change | Remake


@dataclass(frozen=True, slots=True)
class MaskWish:
    """What can be done, in order, and the clauses that need a model."""

    deeds: tuple[Deed, ...]
    left: tuple[str, ...] = ()


_ADD = re.compile(
    r"\b(?:add|put|insert|place|replace|swap|draw|attach|wear|wearing)\b|添加|加上|替换|换成|换上|戴上|放上|画上"
)
_REPLACED = re.compile(r"^(?:replace|swap|fill)\b.*?\b(?:with|by|for)\b(.+)|^.*(?:替换成|替换为|换成|填充为|填成)(.+)")
_SURE = (Kind.SKY, Kind.BACKGROUND, Kind.GROUND, Kind.GRASS, Kind.WATER, Kind.SURFACE, Kind.FOLIAGE)
# One of these is a thing of its own: "a tree" is no background, "grass and trees" is.
_COUNTABLE = frozenset(
    (
        *("tree", "trees", "bush", "bushes", "plant", "plants", "shrub", "branch", "bed", "bench", "wave", "pool"),
        *("树", "大树", "植物", "灌木", "床"),
    )
)
_PLAIN = re.compile(
    r"empty|blank|plain|clean|clear|smooth|seamless|bare|flat|soft|calm|wooden|wood|planks?|bricks?|stones?|rocks?|tiles?|tiled"
    r"|gravel|asphalt|concrete|marble|texture|textured|area|space|surface|fill|filled|inpaint|extend|continue|restore"
    r"|style|look|effect|material|made|sculpture|original|blurred|blurry|nothing|here|there|there's|same|like|seen|fresh|dry|wet|mown|pebbles?|mud|horizon"
    r"|空|空白|空荡荡|干净|纯|平整|光滑|自然|木|木质|木头|石头|砖|瓷砖|纹理|填充|填补|补全|恢复|原来|风格|材质|效果|质感|样式"
)
# Words that make what is there another; a clause without one describes something.
_CHANGES = re.compile(
    r"\b(?:make|turn|change|paint|dye|colou?r|recolou?r|tint|stain|convert|transform|render|set|let|should|must|becomes?)\b"
    r"|[改变换染涂调让使把将成]"
)
# Without "of", "to" or "style" these are things, not what a thing is made of.
_THINGS = re.compile(r"^(?:clouds?|balloons?|lanterns?|云.*|白云|气球|.*灯笼|花灯|宫灯|灯彩|ice|冰|冰块)$")
_MADE = re.compile(
    r"\b(?:made (?:out )?of|made from|made|to|into|as|of|in|style|material|look|texture)\b"
    r"|[成为作]|材质|风格|质感"
)


def wish(prompt: str) -> MaskWish:
    """What a prompt asks, clause by clause; an empty one asks for deletion. Raises nothing."""
    if not prompt.strip():
        return MaskWish((Deletion(),))
    deeds: list[Deed] = []
    left: list[str] = []
    for clause in clauses(prompt):
        found = _deeds(clause)
        deeds += [deed for deed in found if deed not in deeds]
        if not found and not says_nothing(clause):
            left.append(clause)
    if not deeds and not left:
        left.append(prompt.strip())
    return MaskWish(tuple(deeds), tuple(left))


def _deeds(clause: str) -> Sequence[Deed]:
    """What one clause asks for; empty when it isn't understood."""
    if takes_away(clause) and not _ADD.search(clause):
        return [Change(Verb.GREY)] if takes_colour(clause) else [Deletion()]
    if is_forbidden(clause):
        return []
    if changes := read(clause).changes:
        painted = any(change.verb is Verb.RECOLOUR and change.kind is not Kind.WHOLE for change in changes)
        return [] if painted and not _CHANGES.search(clause) else changes
    replaced = _REPLACED.match(clause)
    described = next(filter(None, replaced.groups()), "") if replaced else clause
    if remade := _remade(described, asked=True):
        return [remade]
    if _is_background(described):
        return [Deletion(described.strip())]
    if asks_for_objects(clause):
        return []
    return [deed for deed in (_remade(clause, asked=False) or _recoloured(clause),) if deed]


def _is_background(clause: str) -> bool:
    """Does a clause tell of nothing but what is behind things?"""
    found = tokens(clause)
    places = [_as_place(token) for token in found if token.role is Role.REGION or token.also]
    if any(Kind(token.name) not in (*_SURE, Kind.CLOUD) for token in places):
        return False
    if any(is_unknown(token) and not _PLAIN.fullmatch(token.word) for token in found):
        return False
    return any(Kind(token.name) in _SURE and token.word not in _COUNTABLE for token in places)


def _as_place(token: Token) -> Token:
    """Sand is a colour too; where nothing has it, it is the sand."""
    return replace(token, name=token.also) if token.also else token


def _remade(clause: str, *, asked: bool) -> Remake | None:
    """The material that a clause names for one thing or none; `asked`: only by words such as "made of"."""
    named = styles.named(clause, styles.LOCAL, styles.LOCAL)
    if named is None:
        return None
    word = _without(clause, named.rest)
    rest = [token for token in tokens(named.rest) if not _PLAIN.fullmatch(token.word)]
    if asked != bool(_MADE.search(named.rest)) or (not asked and _THINGS.match(word)):
        return None
    if _things(rest) and not _CHANGES.search(clause):
        return None
    return Remake(named.style) if _names_one_thing(rest) and not _colours(rest) else None


def _without(clause: str, rest: str) -> str:
    """The words of a clause that are not in its rest."""
    kept = rest.split()
    return " ".join(word for word in clause.split() if word not in kept) or clause


def _recoloured(clause: str) -> Change | None:
    """The colour that is all a clause says: "blue", "改成蓝色"."""
    found = tokens(clause)
    if len(colours := _colours(found)) != 1 or _things(found) or not _names_one_thing(found):
        return None
    colour = colours[0]
    # "A rose" and "an orange" are things.
    if colour.also or any(token.role is Role.ARTICLE for token in found):
        return None
    return Change(Verb.RECOLOUR, "picture", Kind.WHOLE, colour.name, tone(colour.name, colour.modifiers))


def _colours(found: Sequence[Token]) -> list[Token]:
    return [token for token in found if token.role is Role.COLOUR]


def _things(found: Sequence[Token]) -> list[Token]:
    return [token for token in found if token.role is Role.REGION and token.name != Kind.WHOLE]


def _names_one_thing(found: Sequence[Token]) -> bool:
    """Is there at most one thing, and no word that isn't known?"""
    joined = any(
        token.role in (Role.WEAR, Role.NOT) or (token.role is Role.PREP and token.word not in _DOING) for token in found
    )
    return len(_things(found)) <= 1 and not joined and not any(map(is_unknown, found))


_DOING = ("把", "将", "让", "使", "给")
