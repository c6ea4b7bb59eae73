"""Which style a prompt means, and what is left of the prompt without it; English and Chinese words, longest first.

"Change the cloud to ice" names two materials: the one after "to" or before "style" is the style.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

Words = Mapping[str, tuple[str, ...]]

WHOLE: Words = {
    "french picture book": (
        *("french picture book", "picture book", "picturebook", "storybook", "story book", "children's book"),
        *("法式绘本", "法国绘本", "绘本", "童书", "图画书"),
    ),
    "gold foil art": (
        *("gold foil art", "gold foil", "golden foil", "gold leaf", "goldfoil", "gilded", "gilt", "foil"),
        *("金箔艺术", "金箔画", "金箔", "烫金", "鎏金", "贴金"),
    ),
}
# Not a style of the service; what comes closest is used and said.
NEAR_WHOLE: Words = {
    "gold foil art": (
        "gold",
        "golden",
        "metallic",
        "metal",
        "bronze",
        "brass",
        "luxury",
        "luxurious",
        "金色",
        "黄金",
        "金属",
    ),
    "french picture book": ("book", "illustration", "watercolor", "watercolour", "painting", "绘画", "插画", "水彩"),
}
LOCAL: Words = {
    "ice": (*("ice sculpture", "ice", "icy", "frozen", "frost"), *("冰雕", "冰块", "冰晶", "寒冰", "冰冻", "冰")),
    "cloud": (*("clouds", "cloud", "cloudy"), *("云朵", "白云", "云彩", "云")),
    "chinese festive lantern": (
        *("chinese festive lantern", "festive lantern", "chinese lantern", "paper lantern", "lanterns", "lantern"),
        *("中式灯笼", "红灯笼", "灯笼", "花灯", "宫灯", "灯彩"),
    ),
    "wooden": (
        *("wooden planks", "wooden plank", "wood planks", "wood plank", "wooden", "planks", "plank", "wood", "timber"),
        *("木板", "木头", "木质", "木制", "木雕", "木纹", "木料", "木"),
    ),
    "blue and white porcelain": (
        *("blue and white porcelain", "blue and white", "porcelain", "ceramic", "ceramics"),
        *("青花瓷", "青花", "瓷器", "陶瓷", "瓷"),
    ),
    "fluffy": (*("fluffy", "furry", "fur", "plush", "fuzzy", "fluff"), *("毛绒绒", "毛茸茸", "毛绒", "绒毛", "茸毛")),
    "weaving": (
        *("weaving", "woven", "weave", "wicker", "rattan", "knitted", "knitting", "knit", "braided"),
        *("编织", "藤编", "竹编", "草编", "针织"),
    ),
    "balloon": (*("balloons", "balloon", "inflatable", "inflated"), *("气球", "充气")),
}
NEAR_LOCAL: Words = {
    "ice": ("glass", "crystal", "transparent", "diamond", "water", "玻璃", "水晶", "透明", "钻石"),
    "cloud": ("cotton", "snow", "smoke", "foam", "mist", "棉花", "雪", "烟", "泡沫"),
    "chinese festive lantern": (
        "paper",
        "silk",
        "festive",
        "chinese",
        "new year",
        "纸",
        "丝绸",
        "春节",
        "节日",
        "喜庆",
    ),
    "wooden": ("stone", "brick", "metal", "bark", "bamboo", "cardboard", "石", "砖", "金属", "竹"),
    "blue and white porcelain": ("china", "clay", "tile", "enamel", "glaze", "marble", "陶", "釉", "大理石"),
    "fluffy": ("wool", "woolly", "felt", "hairy", "feather", "羊毛", "毛", "绒", "羽毛"),
    "weaving": ("basket", "textile", "fabric", "cloth", "yarn", "thread", "布", "织", "毛线"),
    "balloon": ("rubber", "plastic", "latex", "bubble", "橡胶", "塑料", "泡泡"),
}

_BEFORE = re.compile(r"(?:\b(?:to|into|as|of|with|in|from)\s+(?:an?\s+|the\s+)?|[成为作用]\s*)$")
_AFTER = re.compile(
    r"^\s*(?:\w+\s+)?(?:style|look|texture|material|effect|art)\b|^[\u3400-\u9fff]{0,2}(?:风|材质|效果|质感|样式)"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A style, the prompt without its word, and whether the word is the style's own and not merely near to it."""

    style: str
    rest: str
    exact: bool = True


def named(prompt: str, known: Words, near: Words) -> Named | None:
    """The style that `prompt` names, or None. Raises nothing."""
    text = unicodedata.normalize("NFKC", prompt).lower().replace("’", "'")
    text = re.sub(r"(?<=[a-z])[-_](?=[a-z])", " ", text)
    for words in (known, near):
        found = _best(text, words)
        if found:
            style, start, end = found
            return Named(style, f"{text[:start]} {text[end:]}".strip(), words is known)
    return None


def _best(text: str, known: Words) -> tuple[str, int, int] | None:
    """Style and place of the word that most looks like the wanted style; the last one among equals."""
    owner = {word: style for style, words in known.items() for word in words}
    found = [(*_weight(text, match), match) for match in _pattern(known).finditer(text)]
    if not found:
        return None
    match = max(found, key=lambda entry: entry[:2])[2]
    return owner[match.group()], match.start(), match.end()


def _weight(text: str, match: re.Match[str]) -> tuple[int, int]:
    asked = bool(_BEFORE.search(text[: match.start()])) + bool(_AFTER.search(text[match.end() :]))
    return asked, match.start()


def _pattern(known: Words) -> re.Pattern[str]:
    words = sorted((word for group in known.values() for word in group), key=len, reverse=True)
    return re.compile("|".join(rf"\b{re.escape(w)}\b" if w.isascii() else re.escape(w) for w in words))
