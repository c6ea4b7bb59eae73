"""What prompts ask of a mask: one line each, English and Chinese."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanflow.pixels.instruction import Change, Verb
from wanflow.pixels.mask_wish import Deletion, Remake, wish

DELETE = [
    "",
    "  \n",
    "remove the cup",
    "Remove the person in the background",
    "get rid of it",
    "without the hat",
    "no people",
    "erase this, high quality",
    "去掉杯子",
    "把杯子去掉",
    "删除这个人",
    "please delete the sign",
    "could you please remove the sign",
    "without the text",
    "no building",
    "remove the no smoking sign",
    "remove the man without a hat",
    "remove the hat but keep the colours",
    "remove the cup, keep the rest unchanged",
    "不要杯子",
    "不要动物",
    "请去掉杯子",
    "可以把杯子去掉吗",
    "能不能把杯子去掉",
    "可不可以去掉杯子",
    "去掉不需要的东西",
    "去掉颜色鲜艳的气球",
]
FORBIDDEN = [
    "do not remove the hat",
    "please don't remove the hat",
    "never remove the sign",
    "remove the hat but not the glasses",
    "without changing the hat",
    "no changes",
    "no smoking sign",
    "a plane about to take off",
    "a robot that can clean up",
    "do not change the coat to red",
    "keep it red",
    "keep the background",
    "make the coat not red",
    "不要改变背景",
    "不要动",
    "不要动背景",
    "不要改变颜色",
    "不要把杯子去掉",
    "把杯子变成要去掉的样子",
    "保持背景不变",
]
GREY = [
    "remove the colour",
    "remove the colours from the hat",
    "without colour",
    "去掉颜色",
    "把帽子的颜色去掉",
    "不要颜色",
]
DESCRIBED = [
    "grass",
    "green grass",
    "sand",
    "empty wooden table",
    "a wooden table",
    "brick wall",
    "sky with clouds",
    "grass and trees",
    "the background",
    "replace the cup with grass",
    "fill in the background",
    "草地",
    "干净的桌面",
    "把杯子换成草地",
    "白色的墙",
]
COLOURS = {
    "red": "red",
    "deep red": "red",
    "paint the car dark blue": "blue",
    "the car should be red": "red",
    "make it blue": "blue",
    "change the coat to red": "red",
    "change the dragon to red": "red",
    "改成蓝色": "blue",
    "染成红色": "red",
    "把外套改成红色": "red",
    "make the sky orange": "orange",
}
MATERIALS = {
    "wooden": "wooden",
    "made of wood": "wooden",
    "make the cup wooden": "wooden",
    "ice material": "ice",
    "turn the cup into ice": "ice",
    "变成冰": "ice",
    "木质": "wooden",
    "青花瓷": "blue and white porcelain",
    "knitted": "weaving",
}
NEW = [
    "a cat with a hat",
    "a cat with a red hat",
    "A ceramic rabbit holding a ceramic flower",
    "陶瓷兔子拿着陶瓷花",
    "a red dragon",
    "a red rose",
    "a red coat",
    "dark blue jeans",
    "红色的外套",
    "一朵红玫瑰",
    "a rose",
    "a wooden cup",
    "a cup made of ice",
    "knitted sweater",
    "turn it into a red rose",
    "wearing a red hat",
    "a tree",
    "a balloon",
    "ice",
    "turn the cup into a red balloon",
    "replace the cup with a plant",
    "blue and yellow",
    "一只猫",
    "!?",
    "high quality",
    "don't change the face",
]


@pytest.mark.parametrize("prompt", DELETE)
def test_an_empty_prompt_and_deleting_words_delete(prompt):
    assert wish(prompt).deeds == (Deletion(),)
    assert wish(prompt).left == ()


@pytest.mark.parametrize("prompt", DESCRIBED)
def test_a_description_of_a_background_deletes_and_is_kept_for_the_warning(prompt):
    (deed,) = wish(prompt).deeds
    assert isinstance(deed, Deletion)
    assert deed.described and deed.described in prompt


@pytest.mark.parametrize(("prompt", "colour"), COLOURS.items())
def test_a_colour_for_one_thing_recolours(prompt, colour):
    (deed,) = wish(prompt).deeds
    assert isinstance(deed, Change)
    assert (deed.verb, deed.colour) == (Verb.RECOLOUR, colour)


@pytest.mark.parametrize(("prompt", "material"), MATERIALS.items())
def test_a_material_remakes(prompt, material):
    assert wish(prompt).deeds == (Remake(material),)


@pytest.mark.parametrize("prompt", NEW)
def test_what_is_not_there_yet_is_left(prompt):
    found = wish(prompt)
    assert found.deeds == ()
    assert found.left


@pytest.mark.parametrize("prompt", FORBIDDEN)
def test_what_is_forbidden_or_only_told_of_is_left(prompt):
    assert wish(prompt).deeds == ()
    assert wish(prompt).left == (prompt,)


@pytest.mark.parametrize("prompt", GREY)
def test_taking_the_colour_away_is_no_deletion(prompt):
    assert wish(prompt).deeds == (Change(Verb.GREY),)


def test_tones_are_understood():
    assert wish("make it brighter").deeds == (Change(Verb.BRIGHTER),)


def test_half_a_prompt_is_done_and_half_is_left():
    found = wish("remove the cup and add a spoon")
    assert (found.deeds, found.left) == ((Deletion(),), ("add a spoon",))


@given(st.text(max_size=40))
@settings(max_examples=50)
def test_any_text_is_read(prompt):
    found = wish(prompt)
    assert found.deeds or found.left
