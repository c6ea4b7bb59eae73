"""Which characters the package's two small fonts can draw; known without opening them, so that a plan can tell.

Latin, Greek and Cyrillic letters and some 4000 Chinese characters (GB 2312 level 1 and a little more).
"""

from __future__ import annotations

import unicodedata

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
_KNOWN = frozenset(LATIN) | frozenset(HANZI)


def composed(char: str) -> str:
    """The character itself where a font has it, else what Unicode says it stands for (a full-width A: A)."""
    return char if char in _KNOWN else unicodedata.normalize("NFKC", char)


def drawn(text: str) -> bool:
    """Whether the fonts have every character."""
    return _KNOWN.issuperset(text)


def lacking(text: str) -> list[str]:
    """The characters of a text that can't be drawn, each once, in order; white space counts as drawn."""
    chars = dict.fromkeys(unicodedata.normalize("NFC", text))
    return [char for char in chars if not char.isspace() and not drawn(composed(char))]


def named(char: str) -> str:
    """A character as a message shows it: with its code, since it may not be seen."""
    shown = f"{char} " if char.isprintable() and not unicodedata.combining(char) else ""
    return f"{shown}(U+{ord(char):04X})"
