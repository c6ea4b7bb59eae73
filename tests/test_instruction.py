import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanflow.pixels.instruction import Verb, read
from wanflow.pixels.lexicon import Kind


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Change the flower to blue", [("flower", Kind.SUBJECT, "blue")]),
        ("make the sky orange", [("sky", Kind.SKY, "orange")]),
        ("Turn the motorcycle green.", [("motorcycle", Kind.SUBJECT, "green")]),
        ("make the red car blue", [("car", Kind.SUBJECT, "blue")]),
        ("change the car from red to blue", [("car", Kind.SUBJECT, "blue")]),
        ("Change the colour of the sweater to light green", [("sweater", Kind.CLOTHES, "green")]),
        ("Change the woman's dress to red", [("dress", Kind.CLOTHES, "red")]),
        ("make the sky and the sea orange", [("sky", Kind.SKY, "orange"), ("sea", Kind.WATER, "orange")]),
        ("make the car red and the sky purple", [("car", Kind.SUBJECT, "red"), ("sky", Kind.SKY, "purple")]),
        ("paint the guitar green, high quality", [("guitar", Kind.OTHER, "green")]),
        ("make the dog brown and keep the rest of the picture unchanged", [("dog", Kind.SUBJECT, "brown")]),
        ("把花改成蓝色", [("花", Kind.SUBJECT, "blue")]),
        ("把天空变成橙色的", [("天空", Kind.SKY, "orange")]),
        ("将汽车的颜色改为红色,其余保持不变", [("汽车", Kind.SUBJECT, "red")]),
    ],
)
def test_recolourings_are_read(prompt: str, wanted: list[tuple[str, Kind, str]]) -> None:
    said = read(prompt)
    assert [(change.region, change.kind, change.colour) for change in said.changes] == wanted
    assert {change.verb for change in said.changes} == {Verb.RECOLOUR}
    assert said.left == ()


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("make it brighter", [(Verb.BRIGHTER, Kind.WHOLE)]),
        ("Please brighten up the picture", [(Verb.BRIGHTER, Kind.WHOLE)]),
        ("darken the sky", [(Verb.DARKER, Kind.SKY)]),
        ("Add more contrast", [(Verb.CONTRAST, Kind.WHOLE)]),
        ("reduce the contrast", [(Verb.FLATTER, Kind.WHOLE)]),
        ("convert it to black and white", [(Verb.GREY, Kind.WHOLE)]),
        ("turn the image into a sepia photo", [(Verb.SEPIA, Kind.WHOLE)]),
        ("make the image warmer and darker", [(Verb.WARMER, Kind.WHOLE), (Verb.DARKER, Kind.WHOLE)]),
        ("make the sky cooler and darker", [(Verb.COOLER, Kind.SKY), (Verb.DARKER, Kind.SKY)]),
        ("blur the background", [(Verb.BLUR, Kind.BACKGROUND)]),
        ("add some bokeh", [(Verb.BLUR, Kind.BACKGROUND)]),
        ("sharpen the photo; more vivid colours", [(Verb.SHARPEN, Kind.WHOLE), (Verb.VIVID, Kind.WHOLE)]),
        ("desaturate", [(Verb.MUTED, Kind.WHOLE)]),
        ("让画面更亮一点", [(Verb.BRIGHTER, Kind.WHOLE)]),
        ("调暗", [(Verb.DARKER, Kind.WHOLE)]),
        ("提高对比度", [(Verb.CONTRAST, Kind.WHOLE)]),
        ("变成黑白照片", [(Verb.GREY, Kind.WHOLE)]),
        ("改为冷色调", [(Verb.COOLER, Kind.WHOLE)]),
        ("把背景虚化,锐化", [(Verb.BLUR, Kind.BACKGROUND), (Verb.SHARPEN, Kind.WHOLE)]),
    ],
)
def test_changes_of_tone_are_read(prompt: str, wanted: list[tuple[Verb, Kind]]) -> None:
    said = read(prompt)
    assert [(change.verb, change.kind) for change in said.changes] == wanted
    assert said.left == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "add sunglasses",
        "add a red hat to the cat",
        "change the car to a red bus",
        "change the background to a beach",
        "replace the background with a blue sky",
        "turn the sky into a sunset orange",
        "make the cat smile",
        "make the brighter smile",
        "make it black and white with a red rose",
        "don't make it darker",
        "make it look like a painting",
        "blue",
        "give the man a blue beard",
        "给猫戴上红色的帽子",
        "添加一只蓝色的鸟",
        "换成蓝色的花",
    ],
)
def test_what_needs_a_model_is_left_unread(prompt: str) -> None:
    said = read(prompt)
    assert said.changes == ()
    assert said.left == (prompt.lower(),)


@pytest.mark.parametrize(
    "prompt",
    [
        "do not change the car to red",
        "don't make the car red",
        "never make the sky orange",
        "make the sky not blue",
        "make the car red instead of blue",
        "do not darken the sky and brighten the car",
        "keep the sky blue",
        "leave the car red",
        "make the car red but keep the wheels black",
        "keep it black and white",
        "不要把天空变成蓝色",
        "别把车变成红色",
        "天空不是蓝色",
        "不要调亮",
        "保持天空蓝色",
    ],
)
def test_what_is_forbidden_or_to_be_kept_is_not_done(prompt: str) -> None:
    said = read(prompt)
    assert said.changes == ()
    assert said.left == (prompt,)


@pytest.mark.parametrize(
    "prompt",
    [
        "make the car red, keep the rest unchanged",
        "make the car red and do not change the rest",
        "make the car red without changing anything else",
        "change the car from white to red",
        "把不锈钢汽车变成红色,其余保持不变",
    ],
)
def test_keeping_the_rest_hinders_no_change(prompt: str) -> None:
    said = read(prompt)
    assert [change.colour for change in said.changes] == ["red"]
    assert said.left == ()


def test_the_clause_that_is_understood_is_kept_from_the_one_that_is_not() -> None:
    said = read("Make the hair blonde and add sunglasses")
    assert [change.region for change in said.changes] == ["hair"]
    assert said.left == ("add sunglasses",)


def test_a_little_is_less_than_much() -> None:
    amounts = [read(f"make it {word} brighter").changes[0].amount for word in ("slightly", "", "much")]
    assert amounts == sorted(set(amounts))


@given(prompt=st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read(prompt: str) -> None:
    read(prompt)
