"""Text into pictures, English and Chinese, from two small fonts of the package: measured, wrapped and drawn.

Covers Latin, Greek and Cyrillic letters and some 4000 Chinese characters (GB 2312 level 1 and a little more). What is
beyond them is shown as one empty box, so that nobody takes a shortened request for the whole.
"""

from __future__ import annotations

import io
import lzma
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import groupby

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

BOX = "□"
# Level 1 of GB 2312: rows 0xB0 to 0xD7, the characters in daily use.
_LEVEL_1 = "".join(
    bytes([high, low]).decode("gb2312", "ignore") for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF)
)
# Of level 2, what prompts are made of: animals, plants, jewels, weather, clothes, faces.
_LEVEL_2 = (
    "绯橘鲑琥珀赭橄榄钴薰咪鸢婵婷妩婀晗曦熠煜瑜璀璨翡黛绛缤绮缥缈缭帷幔幡憧憬惬徜徉慵氤氲漪潺濛瀚霭霏雯霁骷髅髻麒麟鹭鹦鹉鹈鹕鹂鹌鹑蜻蜓蟋蟀蝌蚪蜥蜴蝙蝠茉莓蓓芙萱薇藓馥馄饨粽麋貂猕猬獾袅裾褶屐髦鬓翎翩跹舫槿"
    "楠榕柚枇杷榈钰铠镂镯钗斓皓皎皙眸瞰瞭礴祺禧穹窈窕笙筝箫簪篝籁粼绫聆肴芊茗荟莺菁虬蚱蜢蛟蜃蜷螳螂蟾蜍蟠裱诙谧豚邃隽雉靓飒飓骰鲫鹞鼬龛喵嗨噢嗯咧咚噜嘟咦唷倜傥佼侏冽凇勖匾叽唢喃圄姊娉娴娼婕嫦嬉宸寰巅峥嵘岚"
    "彗忐忑忪怅怡惚悖惆愕懵扉拗掬斐旎旖昙昱晖暝朦胧杳栩棂涓淅淼渲溟滂漩潇潸澹瀛炫煦熹狩玑珏珑璧痣绾缇胭胫芸芷苓莞蕨袂裘褴褛蹊跷踮辔锃霾鞑骁魇鱿鳗鸾鹳麝黯鼹"
)
HANZI = "，。、；：？！（）《》【】～「」『』￥％＋－＝" + _LEVEL_1 + _LEVEL_2
_BLOCKS = ((0x20, 0x7F), (0xA1, 0xAD), (0xAE, 0x180), (0x391, 0x3A2), (0x3A3, 0x3CA), (0x400, 0x460))
LATIN = "".join(chr(code) for first, end in _BLOCKS for code in range(first, end)) + f"–—‘’“”…•€™−←→≤≥·{BOX}"
_LATIN, _HANZI = frozenset(LATIN), frozenset(HANZI)
# These may not begin a line.
_CLOSING = frozenset("，。、；：？！）》】」』％,.;:?!)]}%…")


@cache
def _file(name: str) -> bytes:
    packed = resources.files("wanflow.pixels").joinpath("fonts", f"{name}.ttf.xz").read_bytes()
    return lzma.decompress(packed)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout engine: the other one is not in every build of Pillow and spaces letters differently.
    return ImageFont.truetype(io.BytesIO(_file(name)), size, layout_engine=ImageFont.Layout.BASIC)


def drawable(text: str) -> str:
    """The text on one line with nothing in it that the fonts don't have; runs of what they lack become one box."""
    shown = ""
    for char in " ".join(unicodedata.normalize("NFC", text).split()):
        known = char if char in _LATIN or char in _HANZI else unicodedata.normalize("NFKC", char)
        if not all(c in _LATIN or c in _HANZI for c in known):
            # Joiners, accents and the second half of an emoji belong to the box that is there already.
            known = "" if shown.endswith(BOX) or unicodedata.category(char)[0] in "MC" else BOX
        shown += known
    return shown


def _runs(line: str) -> Iterator[tuple[str, str]]:
    """(font name, characters) for each stretch of one script."""
    for chinese, chars in groupby(line, key=lambda char: char in _HANZI):
        yield "hanzi" if chinese else "latin", "".join(chars)


def width(line: str, size: int) -> float:
    """How wide a drawable line is, in pixels."""
    return sum(float(_font(name, size).getlength(chars)) for name, chars in _runs(line))


def wrapped(text: str, size: int, room: float, most: int) -> list[str]:
    """The text in at most `most` lines no wider than `room` pixels; what doesn't fit ends in an ellipsis."""
    lines = [""]
    for piece in _pieces(drawable(text)):
        for part in _split(piece, size, room):
            if lines[-1] and width(lines[-1] + part.rstrip(), size) > room and not _hangs(lines[-1], part, size, room):
                lines.append("")
            lines[-1] += part
        if len(lines) > most:
            break
    if len(lines) <= most:
        return [line.rstrip() for line in lines]
    return [*(line.rstrip() for line in lines[: most - 1]), _cut(lines[most - 1], size, room)]


def _hangs(line: str, part: str, size: int, room: float) -> bool:
    """May this closing sign stand over the end of a line, since no line begins with one?"""
    return part.rstrip() in _CLOSING and width(line, size) <= room


def _pieces(text: str) -> Iterator[str]:
    """Where a line may break: after each space, and around each Chinese character."""
    word = ""
    for char in text:
        if char in _HANZI:
            if word:
                yield word
            yield char
            word = ""
        else:
            word += char
            if char == " ":
                yield word
                word = ""
    if word:
        yield word


def _split(word: str, size: int, room: float) -> Iterator[str]:
    """A word in parts that fit, when it is longer than a line."""
    if width(word.rstrip(), size) <= room:
        yield word
        return
    part = ""
    for char in word:
        if part and width(part + char, size) > room:
            yield part
            part = ""
        part += char
    yield part


def _cut(line: str, size: int, room: float) -> str:
    while line and width(line.rstrip() + "…", size) > room:
        line = line[:-1]
    return line.rstrip() + "…"


def fitting(line: str, room: float, largest: int, smallest: int = 1) -> int:
    """The largest font size in pixels, between the two, at which a drawable line is no wider than `room`."""
    size = min(largest, int(largest * room / max(width(line, largest), 1)) + 1)
    # Advances are whole pixels, so small letters are wider than large ones would tell.
    while size > smallest and width(line, size) > room:
        size -= 1
    return max(size, smallest)


def filling(text: str, room: tuple[float, float], largest: int, smallest: int) -> tuple[list[str], int]:
    """Lines and the largest font size at which the text fits (width, height); cut with an ellipsis at the smallest."""
    shown = drawable(text)
    whole = width(shown, largest)
    longest = max((width(word.rstrip(), largest) for word in _pieces(shown)), default=0.0)
    size = max(largest, smallest)
    while size > smallest:
        most, scale = max(int(room[1] // leading(size)), 1), size / largest
        # A word is broken only when it must be; and what can't fit needn't be tried.
        if longest * scale <= room[0] and whole * scale <= most * room[0]:
            lines = wrapped(text, size, room[0], most + 1)
            if len(lines) <= most:
                return lines, size
        size = max(min(round(0.95 * size), size - 1), smallest)
    return wrapped(text, smallest, room[0], max(int(room[1] // leading(smallest)), 1)), smallest


def draw(canvas: ImageDraw.ImageDraw, left: float, baseline: float, line: str, size: int, fill: Colour) -> None:
    """Write a drawable line from a left point on its baseline."""
    for name, chars in _runs(line):
        canvas.text((left, baseline), chars, fill=fill, font=_font(name, size), anchor="ls")
        left += float(_font(name, size).getlength(chars))


def label(lines: list[tuple[str, int, Colour]], size: tuple[int, int], ground: Colour, left: int) -> Image.Image:
    """A ground of (width, height) with lines of (text, font size, colour), the block centred in height."""
    image = Image.new("RGB", size, ground)
    canvas = ImageDraw.Draw(image)
    y = (size[1] - sum(leading(letters) for _, letters, _ in lines)) / 2
    for line, letters, fill in lines:
        draw(canvas, left, round(y + 1.02 * letters), line, letters, fill)
        y += leading(letters)
    return image


def leading(size: int) -> int:
    """Height of a line in pixels."""
    return round(1.34 * size)
