"""What a clause forbids, and what it asks to take away: the two that must never be taken for one another.

Strict on the safe side: a clause that can't be told from a negation is none that is done.
"""

from __future__ import annotations

import re

_NOT = re.compile(
    r"\b(?:not|no|never|without|avoid|avoiding|instead|nor|neither|nothing|none|cannot|dont|refrain|\w+n't)\b"
    r"|不(?![锈倒])|(?<![特级性类])别(?![墅针])|没有|避免|勿|禁止|无(?!人机|花果|袖|线)"
)
_KEEP = re.compile(
    r"\b(?:keep|keeps|keeping|leave|leaving|retain|retaining|preserve|preserving|maintain|maintaining)\b|保[持留]|维持"
)
_FORBIDDING = re.compile(
    r"\b(?:do not|don't|dont|never|avoid|must not|should not)\b|不要|(?<![特级性类])别(?![墅针的])|勿"
)
# "Remove the man without a hat" and 去掉不需要的东西 tell which thing; these forbid something.
_BUT_NOT = re.compile(
    r"\b(?:not|never|nothing|instead|dont|\w+n't|without \w+ing)\b"
    r"|不要(?!的)|(?<![特级性类])别(?![墅针的人])|勿|[但而]不|(?<![能可])不[能可许准会]"
)
_LEAD = (
    r"(?:please|kindly|just|simply|now|then|so|but|also|ok|okay|completely|fully|try to|help me(?: to)?|let's"
    r"|go ahead and|(?:can|could|would|will) you|(?:you|we) (?:can|could|should|must|need to)|(?:i|we)(?: would|'d)?"
    r" (?:want|like|need)(?: you)? to|i'd like(?: you)? to) +"
    r"|请你?|麻烦你?|帮我|帮忙|给我|可以|可否|能否|能不能|可不可以|我?想要?|我要|需要|直接|全部|完全|彻底|只|再| +"
)
_HEAD = rf"^(?:{_LEAD})*"
_TAKE = (
    r"(?:remove|removing|delete|erase|eliminate|omit|get rid of|take (?:away|off|out)|clear (?:away|off)"
    r"|clean (?:up|away)|wipe (?:away|off|out)|cut out|edit out|paint out)\b"
)
_TAKE_HANZI = r"(?:去掉|去除|去了|删除|删掉|删去|移除|移走|移去|擦除|擦掉|抹掉|抹去|消除|清除|拿掉|拿走|拿开)(?!的)"
# "no smoking sign" is a sign and "without changing it" a wish; "no building" is about a thing.
_DOING = r"(?!(?:build|cloth|letter|writ|light|paint|draw|str|r|k|w|ceil|rail|packag)ing\b)\w+ing\b"
_SIGN = r".*\w (?:sign|symbol|poster|notice|label|sticker|logo)s?\b"
_BARE = rf"(?:no|without) (?!{_DOING}|(?:any )?(?:change|edit|need|touch|alter)|{_SIGN})|without (?!{_DOING})"
# What may follow 不要 for it to mean "away with": anything but a verb.
_BARE_HANZI = (
    r"不要(?!$|的|[改换变修调把将让使给移删去擦碰影破添增涂染编太过再是在做弄保留丢失模虚抹拿替缩旋裁搞乱那么出])"
    r"(?!动(?![物漫车])|画(?![面像作框板]|$)|加(?!油)|写(?!字)|处理|用(?!具)|清(?!洁)|消(?!防)|放(?!大镜)|打(?!火)|遮(?!阳)|穿|戴)"
)
_AWAY = re.compile(rf"{_HEAD}(?:{_TAKE}|{_BARE})|{_HEAD}(?:(?:把|将|从).+?)?{_TAKE_HANZI}|{_HEAD}{_BARE_HANZI}")
_OWNER = r"(?:(?!but|and|with|while|keep|of|in|from)[\w']+ ){0,3}"
_COLOURLESS = re.compile(
    rf"{_HEAD}(?:{_TAKE}|no|without) +{_OWNER}(?:colou?rs?|saturation)(?: (?:from|of|in|on|completely|please)\b.*)?$"
    rf"|{_HEAD}(?:{_TAKE_HANZI}|不要)(?:(?![但而不保改变动]).)*(?:颜色|色彩|饱和度)[吧了吗]?$"
    rf"|{_HEAD}(?:把|将)[^但而不保]*(?:颜色|色彩|饱和度)[都全部]*{_TAKE_HANZI}"
)


def is_forbidden(clause: str) -> bool:
    """Does a clause say what is not to be, or what is to stay as it is?"""
    return bool(_NOT.search(clause) or _KEEP.search(clause))


def forbids(sentence: str) -> bool:
    """Does a sentence hold a "do not", which also governs what an "and" joins to it?"""
    return bool(_FORBIDDING.search(sentence))


def takes_away(clause: str) -> bool:
    """Does a clause begin by asking for a thing to go, with nothing forbidden in it?"""
    found = _AWAY.match(clause)
    return bool(found) and not _BUT_NOT.search(re.sub(rf"{_HEAD}不要", "", clause))


def takes_colour(clause: str) -> bool:
    """Is colour itself what a clause that `takes_away` asks to go?"""
    return bool(_COLOURLESS.match(clause))
