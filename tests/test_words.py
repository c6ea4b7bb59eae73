import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanflow.pixels.lexicon import lexicon
from wanflow.pixels.words import Kind, colours, parse, tone

# prompt -> "kind colour modifiers" of every wish, in order
ENGLISH = {
    "blue sky, green grass, brown coat": ["sky blue", "grass green", "clothes brown"],
    "make the sky orange": ["sky orange"],
    "a red house with a green door": ["subject red", "part green"],
    "the cat is ginger": ["subject ginger"],
    "blue background, yellow leaves": ["background blue", "foliage yellow"],
    "orange spacesuit, blue background": ["clothes orange", "background blue"],
    "brown wooden table, white cup": ["surface brown", "subject white"],
    "dark blue sky, orange flames": ["sky blue dark", "light orange"],
    "sky-blue dress and navy-blue hat": ["clothes sky blue", "part navy"],
    "make the sky orange and the grass green": ["sky orange", "grass green"],
    "make sky orange grass green": ["sky orange", "grass green"],
    "green grass and trees": ["grass green", "foliage green"],
    "the sky and the sea are blue": ["sky blue", "water blue"],
    "blue sky and a man in a brown coat": ["sky blue", "clothes brown"],
    "change the red car to blue": ["subject blue"],
    "change the sky from grey to blue": ["sky blue"],
    "a woman in red": ["clothes red"],
    "a blonde woman in a green dress": ["hair blonde", "clothes green"],
    "a white man in a brown coat": ["clothes brown"],
    "sky blue, grass green": ["sky blue", "grass green"],
    "make the sky sky blue": ["sky sky blue"],
    "sky: deep blue; water = teal": ["sky blue deep", "water teal"],
    "skies: pale pink": ["sky pink pale"],
    "the leaves of the tree are golden": ["foliage gold"],
    "a red rose": ["subject red"],
    "a rose dress": ["clothes rose"],
    "the rose is red": ["subject red"],
    "red and blue dress": ["clothes red"],
    "a black and white photo of a man on a green lawn": ["grass green"],
    "a black-and-white cat, green background": ["background green"],
    "purple wyvern": ["other purple"],
    "purple wyvern flying over brown fields": ["other purple", "grass brown"],
    "make it sepia": ["whole sepia"],
    "warm brown tones": ["whole brown"],
    "a ginger-haired man with blue eyes": ["hair ginger", "part blue"],
    "reddish brown fur": ["subject brown"],
    "yellowish grass": ["grass yellow"],
    "the man's coat is brown": ["clothes brown"],
    "not red but blue sky": ["sky blue"],
    "a cup of coffee, white cup": ["subject white"],
    "change the background to a soft green": ["background green pale"],
    "turn the flower bright light pink": ["subject pink bright light"],
    "The GRAY cat.": ["subject grey"],
    "blue-green sea": ["water teal"],
    "orange light": ["light orange"],
    "light orange lamp": ["light orange light"],
    "rose-coloured clouds": ["cloud rose"],
    "colour the sky blue": ["sky blue"],
    "bushes are dark green": ["foliage green dark"],
    "": [],
    "light": [],
    "a man on a street": [],
    "make it nice": [],
}
CHINESE = {
    "蓝天,绿草,棕色外套": ["sky blue", "grass green", "clothes brown"],
    "蓝天，绿草，棕色外套": ["sky blue", "grass green", "clothes brown"],
    "把天空变成橙色": ["sky orange"],
    "黄色的叶子，蓝色背景": ["foliage yellow", "background blue"],
    "红房子和绿门": ["subject red", "part green"],
    "猫是橘色的": ["subject orange"],
    "深蓝色的天空": ["sky blue dark"],
    "天空是浅蓝色，草地是绿色的": ["sky blue light", "grass green"],
    "穿棕色外套的男人": ["clothes brown"],
    "猫的眼睛是绿色": ["part green"],
    "天蓝色的裙子": ["clothes sky blue"],
    "天空的颜色是蓝色": ["sky blue"],
    "把红色汽车变成蓝色": ["subject blue"],
    "金发女孩，红裙子": ["hair gold", "clothes red"],
    "黑白照片，蓝天白云": ["sky blue", "cloud white"],
    "淡紫色的花": ["subject lavender"],
    "不要红色，蓝色的花": ["subject blue"],
    "橙色的宇航服、蓝色背景": ["clothes orange", "background blue"],
    "棕色木桌，白色杯子": ["surface brown", "subject white"],
    "鲜艳的红色花朵": ["subject red bright"],
    "湖水是绿松石色的": ["water turquoise"],
    "白天": [],
}


def spoken(prompt: str) -> list[str]:
    return [" ".join([wish.kind, wish.colour, *wish.modifiers]) for wish in parse(prompt)]


@pytest.mark.parametrize(("prompt", "wishes"), [*ENGLISH.items(), *CHINESE.items()])
def test_every_prompt_of_the_table_is_understood(prompt: str, wishes: list[str]) -> None:
    assert spoken(prompt) == wishes


def test_every_colour_word_colours_a_coat_in_its_language() -> None:
    wrong: list[str] = []
    for name, words in lexicon()["colours"].items():
        for prompt in [f"a {word} coat" for word in words["en"]] + [f"{word}色的外套" for word in words["zh"]]:
            wrong += [prompt] if spoken(prompt) != [f"clothes {name}"] else []
    assert wrong == []


def test_every_region_word_can_be_made_green_in_its_language() -> None:
    wrong: list[str] = []
    for kind, words in lexicon()["regions"].items():
        expected = "clothes green" if kind == "person" else f"{kind} green"
        for prompt in [f"the {word} is green" for word in words["en"]] + [f"{word}是绿色的" for word in words["zh"]]:
            heard = [said.replace("person", "clothes") for said in spoken(prompt)]
            wrong += [prompt] if heard != [expected] else []
    assert wrong == []


def test_there_are_at_least_forty_five_colours_each_with_its_own_words() -> None:
    words = [word for entry in lexicon()["colours"].values() for word in entry["en"] + entry["zh"]]
    assert len(colours()) >= 45
    assert len(words) == len(set(words))


def test_dark_lowers_and_light_raises_the_lightness_asked() -> None:
    assert tone("blue", ("dark",)).lightness < tone("blue").lightness < tone("blue", ("light",)).lightness


def test_pale_weakens_and_deep_strengthens_the_colour() -> None:
    assert tone("red", ("pale",)).chroma < tone("red").chroma < tone("red", ("deep",)).chroma


def test_a_natural_hue_stays_within_fifteen_degrees_of_the_name() -> None:
    for key in lexicon()["natural"]:
        colour, kind = key.split(" ")
        assert abs(tone(colour, (), Kind(kind)).hue_deg - tone(colour).hue_deg) <= 15


def test_whites_and_greys_ask_for_no_chroma() -> None:
    assert {tone(name).chroma for name in ("white", "grey", "black", "silver", "charcoal")} == {0.0}


@given(st.text(max_size=60))
@settings(max_examples=50, deadline=None)
def test_no_text_makes_the_parser_fail(prompt: str) -> None:
    assert all(wish.colour in colours() for wish in parse(prompt))


@given(
    st.lists(st.sampled_from(["red", "blue", "sky", "cat", "and", "is", "of", "in", ",", "not", "light", "的", "人"]))
)
def test_no_order_of_known_words_makes_the_parser_fail(words: list[str]) -> None:
    assert all(wish.region for wish in parse(" ".join(words)))
