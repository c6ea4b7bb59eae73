import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow.telling.worddiff import MOST_PAIRS, Kind, Part, compared, shortened, side


def shown(parts: list[Part]) -> str:
    marks = {Kind.SAME: "{}", Kind.OLD: "[-{}-]", Kind.NEW: "[+{}+]"}
    return "".join(marks[part.kind].format(part.text) for part in parts)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a red cup", "a blue cup", "a [-red-][+blue+] cup"),
        ("a red cup", "a red cup", "a red cup"),
        ("", "a cup", "[+a cup+]"),
        ("a cup", "", "[-a cup-]"),
        ("blue sky, green grass", "grey sea, green grass", "[-blue sky-][+grey sea+], green grass"),
        ("one two, three", "four five, six", "[-one two, three-][+four five, six+]"),
        ("把杯子变成蓝色", "把杯子变成红色", "把杯子变成[-蓝-][+红+]色"),
        ("0.4", "0.75", "0.[-4-][+75+]"),
    ],
)
def test_only_words_that_differ_are_marked(old: str, new: str, told: str) -> None:
    assert shown(compared(old, new)) == told


@given(st.text(alphabet="ab ,\n红", max_size=40), st.text(alphabet="ab ,\n红", max_size=40))
def test_both_texts_can_be_read_back(old: str, new: str) -> None:
    parts = compared(old, new)
    assert (side(parts, Kind.OLD), side(parts, Kind.NEW)) == (old, new)
    assert all(part.text for part in parts)
    assert (old == new) == all(part.kind is Kind.SAME for part in parts)


def test_very_long_texts_are_held_against_each_other_by_their_ends_only() -> None:
    words = int(MOST_PAIRS**0.5)
    old, new = " ".join(f"a{n}" for n in range(words)), " ".join(f"b{n}" for n in range(words))
    parts = compared(f"begin {old} end", f"begin {new} end")
    assert [(part.kind, len(part.text)) for part in parts] == [
        (Kind.SAME, 6),
        (Kind.OLD, len(old)),
        (Kind.NEW, len(new)),
        (Kind.SAME, 4),
    ]


def test_what_is_alike_and_far_from_a_change_is_left_out() -> None:
    far = "with many words that are all alike and of no interest to anybody who reads it"
    parts = shortened(compared(f'"{far} red {far} cup {far}"', f'"{far} blue {far} mug {far}"'))
    assert shown(parts) == (
        '"… anybody who reads it [-red-][+blue+] with many words that … anybody who reads it '
        '[-cup-][+mug+] with many words that …"'
    )


def test_a_change_that_is_very_long_is_cut() -> None:
    (old, new) = shortened(compared("a" * 1000, "b" * 1000), most=10)
    assert (old.text, new.text) == ("a" * 9 + "…", "b" * 9 + "…")


def test_of_very_many_changes_the_first_are_told() -> None:
    old, new = (" ".join(f"word {'old' if n % 2 else word}{n}" for n in range(100)) for word in ("a", "b"))
    parts = shortened(compared(old, new), most=40)
    assert shown(parts[:3]) == "word [-a0-][+b0+]"
    assert parts[-1] == Part(Kind.SAME, "…")
    assert sum(len(part.text) for part in parts) <= 121
