import pytest

from wanflow.pixels.lexicon import Kind
from wanflow.pixels.styles import LOCAL, NEAR_LOCAL, NEAR_WHOLE, WHOLE, named
from wanflow.pixels.target import asked


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("Convert to French picture book style", "french picture book"),
        ("转换成法国绘本风格", "french picture book"),
        ("a page of a children’s book", "french picture book"),
        ("Convert to gold foil art style", "gold foil art"),
        ("转换成金箔艺术风格", "gold foil art"),
        ("GOLD-LEAF please", "gold foil art"),
    ],
)
def test_a_style_for_the_whole_picture_is_read(prompt: str, style: str) -> None:
    found = named(prompt, WHOLE, NEAR_WHOLE)
    assert found is not None and (found.style, found.exact) == (style, True)


@pytest.mark.parametrize(
    ("prompt", "style", "word", "kind"),
    [
        ("Change the house to wooden plank style", "wooden", "house", Kind.SUBJECT),
        ("把房子变成木板风格", "wooden", "房子", Kind.SUBJECT),
        ("Change the cloud to ice", "ice", "cloud", Kind.CLOUD),
        ("change the ice to cloud style", "cloud", "ice", Kind.OTHER),
        ("把云变成冰雕风格", "ice", "云", Kind.CLOUD),
        ("turn the cat into a balloon", "balloon", "cat", Kind.SUBJECT),
        ("把猫变成气球", "balloon", "猫", Kind.SUBJECT),
        ("make the car blue and white porcelain style", "blue and white porcelain", "car", Kind.SUBJECT),
        ("将女人变成青花瓷", "blue and white porcelain", "女人", Kind.PERSON),
        ("Change the woman's hair to fluffy style", "fluffy", "hair", Kind.HAIR),
        ("把花变成毛茸茸的", "fluffy", "花", Kind.SUBJECT),
        ("Change the sky to weaving", "weaving", "sky", Kind.SKY),
        ("把背景变成编织风格", "weaving", "背景", Kind.BACKGROUND),
        ("the house as a Chinese festive lantern", "chinese festive lantern", "house", Kind.SUBJECT),
        ("把房子变成灯笼风格", "chinese festive lantern", "房子", Kind.SUBJECT),
        ("Change the wyvern to ice sculpture style", "ice", "wyvern", Kind.OTHER),
        ("Change the whole picture to weaving", "weaving", "picture", Kind.WHOLE),
        ("Change the door to wooden style", "wooden", "door", Kind.PART),
        ("ice", "ice", "", Kind.SUBJECT),
    ],
)
def test_material_and_thing_are_read(prompt: str, style: str, word: str, kind: Kind) -> None:
    found = named(prompt, LOCAL, NEAR_LOCAL)
    assert found is not None and (found.style, found.exact) == (style, True)
    assert asked(found.rest) == (word, kind)


@pytest.mark.parametrize(
    ("prompt", "style"), [("a cat of glass", "ice"), ("水晶猫", "ice"), ("a woolly house", "fluffy")]
)
def test_a_material_near_to_a_known_one_takes_it_and_knows_that_it_is_not_exact(prompt: str, style: str) -> None:
    found = named(prompt, LOCAL, NEAR_LOCAL)
    assert found is not None and (found.style, found.exact) == (style, False)


@pytest.mark.parametrize("prompt", ["", "nice woodpecker", "make it wonderful", "把它变好看"])
def test_a_prompt_without_a_style_gives_none(prompt: str) -> None:
    assert named(prompt, LOCAL, NEAR_LOCAL) is None


@pytest.mark.parametrize(("known", "near"), [(WHOLE, NEAR_WHOLE), (LOCAL, NEAR_LOCAL)])
def test_every_word_belongs_to_one_style(known, near) -> None:  # type: ignore[no-untyped-def]
    for style, words in known.items():
        for word in words:
            found = named(word, known, near)
            assert found is not None and found.style == style
