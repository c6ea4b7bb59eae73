"""What an edit instruction asks for, as far as it can be done without a model: a new colour, or a change of tone.

Clause by clause, and strict: a clause with a word that is neither understood nor harmless is given back unread, since
"make the car a red bus" is no wish for paint. English and Chinese.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from wanflow.pixels.chroma import Tone
from wanflow.pixels.lexicon import Kind, Role, Token, tokens
from wanflow.pixels.negation import forbids, is_forbidden
from wanflow.pixels.words import tone


class Verb(StrEnum):
    """What is done to a region."""

    RECOLOUR = "recolour"
    GREY = "black and white"
    SEPIA = "sepia"
    BLUR = "blur"
    SHARPEN = "sharpen"
    CONTRAST = "more contrast"
    FLATTER = "less contrast"
    BRIGHTER = "brighter"
    DARKER = "darker"
    WARMER = "warmer"
    COOLER = "cooler"
    VIVID = "more vivid"
    MUTED = "less vivid"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do: the verb, where (word and kind), the colour for a recolouring, and how much (1 = as usual)."""

    verb: Verb
    region: str = "picture"
    kind: Kind = Kind.WHOLE
    colour: str = ""
    tone: Tone | None = None
    amount: float = 1.0


@dataclass(frozen=True, slots=True)
class Instruction:
    """The changes understood, and the clauses that were not."""

    changes: tuple[Change, ...]
    left: tuple[str, ...]


_MORE = r"(?:more|higher|increase|increased|raise|boost|add|stronger|enhance|improve)(?: the| some| its)?"
_LESS = r"(?:less|lower|reduce|reduced|decrease|soften)(?: the| its)?"
# Tried in this order: "less bright" is no brightening, and "desaturate" holds "saturate".
_PHRASES = {
    Verb.GREY: r"\b(?:black (?:and|&|n) white|b ?& ?w|monochrome|gr[ae]y ?scale)\b|黑白|灰度",
    Verb.SEPIA: r"\bsepia\b(?: tones?| toned)?|棕褐色调?|怀旧色?调?|泛黄",
    Verb.BLUR: r"\b(?:blur|blurred|blurry|blurrier|bokeh|defocus|defocused|out of focus)\b|虚化|模糊",
    Verb.SHARPEN: r"\b(?:sharpen|sharper|crisper|clearer)\b|锐化|更?清晰|更?锐利",
    Verb.FLATTER: rf"\b{_LESS} contrast\b|(?:降低|减少|减弱)对比度?",
    Verb.CONTRAST: rf"\b{_MORE} contrast\b|(?:增加|提高|增强|加强|加大)对比度?",
    Verb.DARKER: rf"\b(?:darker|darken|dim|dimmer|less bright|{_LESS} (?:brightness|exposure))\b"
    r"|(?:变|更|调|压)暗|暗一[点些]|(?:降低|减少)(?:亮度|曝光)",
    Verb.BRIGHTER: rf"\b(?:brighter|brighten|lighten|lighter|{_MORE} (?:brightness|exposure|light))\b"
    r"|提亮|(?:变|更|调)亮|更?明亮|亮一[点些]|(?:增加|提高)(?:亮度|曝光)",
    Verb.WARMER: r"\b(?:warmer|warm (?:tones?|colou?rs?|up)|warm up)\b|(?:更|变|偏|调)暖|暖色调?|暖一[点些]",
    Verb.COOLER: r"\b(?:cooler|colder|cool (?:tones?|colou?rs?|down)|cool down)\b|(?:更|变|偏|调)冷|冷色调?|冷一[点些]",
    Verb.MUTED: rf"\b(?:desaturate|desaturated|muted|less (?:vivid|vibrant|saturated|colou?rful)|{_LESS} saturation)\b"
    r"|(?:降低|减少)饱和度",
    Verb.VIVID: rf"\b(?:more (?:vivid|vibrant|saturated|colou?rful)|{_MORE} (?:saturation|colou?rs?))\b"
    r"|更?鲜艳|(?:提高|增加)饱和度",
}
_TONES = {verb: re.compile(phrase) for verb, phrase in _PHRASES.items()}
_OBJECTS = re.compile(
    r"\b(?:add|put|insert|place|remove|delete|erase|replace|swap|wear|wears|wearing|hold|holding|draw|attach|write"
    r"|give|create|generate|move|rotate|crop|zoom)\b"
    r"|添加|增加|加上|加一|加个|删|去掉|去除|移除|替换|戴|穿|放|写|画上|生成|拿"
)
_STOP = re.compile(r"[,.;!?、。\n]+")
_JOINT = re.compile(
    r"\b(?:and then|then|and also|also)\b|并且|同时|然后|(?<=.)并"
    r"|\band (?=(?:make|turn|change|paint|dye|recolou?r|blur|sharpen|brighten|darken|lighten|add|put|remove|replace"
    r"|convert|increase|reduce|boost|give|draw)\b)"
)
# "Keep the rest as it is" asks for nothing that isn't done anyway.
_REST = re.compile(
    r"\b(?:and )?(?:keep|keeping|leave|leaving|do not change|don't change|without changing)"
    r" (?:the rest|everything else|anything else|all else|the others?)(?: of (?:it|the (?:image|picture|photo)))?"
    r"(?: unchanged| untouched| as (?:it|they) (?:is|are)| the same| alone| intact)?"
    r"|(?:其余|其他|其它|别的|剩下)的?(?:部分|地方|内容)?(?:都|均)?(?:保持)?(?:不变|原样|不动)|保持(?:其余|其他|其它)(?:部分)?不变"
)
_LITTLE = re.compile(r"\b(?:slightly|a bit|a little|a touch|somewhat)\b|稍微|略微|稍|略|一点|一些")
_MUCH = re.compile(r"\b(?:much|a lot|strongly|significantly|very|far|considerably)\b|大幅|很多|非常|明显")
_HARMLESS = re.compile(
    r"modify|edit|adjust|convert|recolor|recolour|recoloring|dye|more|it|look|looks|looking|appear|effect"
    r"|filter|style|color|colour|overall|entire|please|just|only|let|bring|apply|render|keep|be|become|made"
    r"|tone|tones|toned|can|could|you|we|want|would|like|i|need|some|so|that|bit|little|lot|up|down|alter"
    r"|transform|switch|shot|version|same|high|quality|best|realistic|photorealistic|k|rest|unchanged"
    r"|everything|else"
)
_HARMLESS_HANZI = re.compile(
    r"[更变调得度点些整体换改处理效果风格滤镜修稍略微请帮我一下其余其他不变保持把将让使给为成颜色部分区域原图高质量逼真]"
)


def read(prompt: str) -> Instruction:
    """What a prompt asks, clause by clause. Raises nothing."""
    changes: list[Change] = []
    left: list[str] = []
    for clause in clauses(prompt):
        found = [] if is_forbidden(clause) else _tonal(clause) or _recoloured(clause)
        changes += found
        if not found and not says_nothing(clause):
            left.append(clause)
    return Instruction(tuple(changes), tuple(left))


def clauses(prompt: str) -> Iterator[str]:
    """The parts of a prompt that can be read one by one, in small letters; without "keep the rest as it is"."""
    text = unicodedata.normalize("NFKC", prompt).lower().replace("’", "'")
    for sentence in _STOP.split(_REST.sub(" ", re.sub(r"[-_/]+", " ", text))):
        for clause in [sentence] if forbids(sentence) else _JOINT.split(sentence):
            if clause.strip():
                yield " ".join(clause.split())


def says_nothing(clause: str) -> bool:
    """Is a clause made of harmless words alone, such as "high quality" or "keep the rest unchanged"?"""
    if asks_for_objects(clause):
        return False
    found = tokens(clause)
    return not any(is_unknown(token) or token.role in (Role.COLOUR, Role.REGION) for token in found)


def asks_for_objects(clause: str) -> bool:
    """Is a thing to come, go or change places?"""
    return bool(_OBJECTS.search(clause))


def is_unknown(token: Token) -> bool:
    """Is a token a word that is neither in the lexicon nor harmless?"""
    if token.role is not Role.NOUN:
        return token.role is Role.NOT and token.word not in ("from", "从")
    return not _HARMLESS.fullmatch(token.word) and bool(_HARMLESS_HANZI.sub("", token.word))


def _tonal(clause: str) -> list[Change]:
    """The changes of tone that a clause asks for, if it holds nothing else but the place."""
    found = _one_tonal(clause)
    first, joined, second = (
        re.split(r"( and |和|又)", clause, maxsplit=1) if re.search(" and |和|又", clause) else ("",) * 3
    )
    if found or not joined:
        return found
    # "make the sky warmer and darker": the second half is about the same place.
    before, after = _one_tonal(first), _one_tonal(second)
    if not before or not after:
        return []
    if after[0].kind is Kind.WHOLE:
        after = [replace(after[0], region=change.region, kind=change.kind) for change in before]
    return before + after


def _one_tonal(clause: str) -> list[Change]:
    verb, match = next(((verb, m) for verb, phrase in _TONES.items() if (m := phrase.search(clause))), (None, None))
    if verb is None or match is None:
        return []
    rest = clause[: match.start()] + " " + clause[match.end() :]
    amount = 0.5 if _LITTLE.search(rest) else 1.6 if _MUCH.search(rest) else 1.0
    rest = _MUCH.sub(" ", _LITTLE.sub(" ", rest))
    found = tokens(rest)
    if any(is_unknown(token) or token.role is Role.COLOUR for token in found):
        return []
    places = [token for token in _heads(found) if token.name != Kind.WHOLE]
    # A blurred picture is rarely wanted; a blurred background often, and "bokeh" means nothing else.
    if verb is Verb.BLUR and "bokeh" in match.group():
        places = places or [Token(Role.REGION, "background", Kind.BACKGROUND)]
    if not places:
        return [Change(verb, amount=amount)]
    return [Change(verb, place.word, Kind(place.name), amount=amount) for place in places]


def _recoloured(clause: str) -> list[Change]:
    """The recolourings in a clause that names things and ends in their new colour, or in several such halves."""
    if asks_for_objects(clause):
        return []
    found = [t for t in tokens(_MUCH.sub(" ", clause)) if t.role not in (Role.ARTICLE, Role.DE, Role.SEPARATOR)]
    changes: list[Change] = []
    for part in _parts(found):
        if not (wanted := _one_recoloured(part)):
            return []
        changes += wanted
    return changes


def _parts(found: Sequence[Token]) -> Iterator[list[Token]]:
    """Tokens cut at each "and" that follows a thing and its colour."""
    part: list[Token] = []
    for token in found:
        named = any(t.role in (Role.REGION, Role.NOUN) and not _harmless(t) for t in part)
        if token.role is Role.AND and part and part[-1].role is Role.COLOUR and named:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _one_recoloured(found: list[Token]) -> list[Change]:
    while found and (found[-1].word in ("tone", "hue", "tint", "色调") or _harmless(found[-1])):
        found = found[:-1]
    if not found or found[-1].role is not Role.COLOUR:
        return []
    colour, before = found[-1], found[:-1]
    link = next((n for n, token in enumerate(before) if token.role is Role.LINK), len(before))
    if any(token.role is Role.REGION or (token.role is Role.NOUN and not _harmless(token)) for token in before[link:]):
        return []
    return [_painted(place, colour) for place in _heads(before[:link], unknown=True)]


def _painted(place: Token, colour: Token) -> Change:
    kind = Kind(place.name)
    return Change(Verb.RECOLOUR, place.word, kind, colour.name, tone(colour.name, colour.modifiers, kind))


def _harmless(token: Token) -> bool:
    return token.role is Role.NOUN and not is_unknown(token)


def _heads(found: Sequence[Token], unknown: bool = False) -> list[Token]:
    """The things meant: the last noun of a compound, nothing after "on" or "of"; unknown nouns too if wanted."""
    heads: list[Token] = []
    aside = joined = False
    for token in found:
        if token.role in (Role.PREP, Role.WEAR, Role.OF):
            # "the top of the car": the car; Chinese 把 and 将 only announce the thing.
            aside = bool(heads) and token.word not in ("把", "将", "让", "使", "给")
        elif token.role is Role.AND:
            aside, joined = False, True
        elif token.role is Role.REGION or (unknown and token.role is Role.NOUN and not _harmless(token)):
            thing = token if token.role is Role.REGION else Token(Role.REGION, token.word, Kind.OTHER)
            if not aside:
                heads = [*heads, thing] if joined or not heads else [*heads[:-1], thing]
            joined = False
    return heads
