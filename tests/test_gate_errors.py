"""What wanflow says of an expect or a reroll that can't be used, whole."""
# ruff: noqa: E501 - messages are as long as they are

import pytest

HEAD = "wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n"


def gate(text, uses="wan/description_edit", image="image: row.photo, ", more="with: {prompt: x}"):
    """A recipe with one step that has a gate."""
    return f"{HEAD}  paint:\n    uses: {uses}\n    {image.rstrip(', ') or 'tags: [x]'}\n    {text}\n    {more}\n"


@pytest.mark.parametrize(
    "text",
    [
        'expect: {min_side: 1, max_side: 4096, ratio: "1:1", max_bytes: 10MB, not: [blank, same_as_input], min_similarity: 0.1, max_similarity: 1, alpha: false}',
        "expect: {not: [blank]}\n    reroll: 10\n    otherwise: bypass",
    ],
)
def test_all_that_can_be_expected(says, text):
    assert says(gate(text)) == "1 rows are fine\n"


def test_an_unknown_expectation(says):
    assert (
        says(gate("expect: {minside: 600}"))
        == """\
r.yaml:7:14: minside is not known in steps.paint.expect [unknown-key]
        expect: {minside: 600}
                 ^
    Did you mean min_side or max_side?
"""
    )


def test_nothing_that_is_expected(says):
    assert (
        says(gate("expect: {}"))
        == """\
r.yaml:7:13: expect must not be empty [length]
        expect: {}
                ^
"""
    )


def test_an_expectation_is_a_plain_value(says):
    assert (
        says(gate('expect: {min_side: "${{ row.side }}", max_bytes: "${{ row.room }}"}'))
        == """\
r.yaml:7:24: min_side must be a whole number, got "${{ row.side }}" [type]
        expect: {min_side: "${{ row.side }}", max_bytes: "${{ row.room }}"}
                           ^
    No expression can stand here.
r.yaml:7:54: max_bytes must be like 10MB or 500KB, got "${{ row.room }}" [pattern]
        expect: {min_side: "${{ row.side }}", max_bytes: "${{ row.room }}"}
                                                         ^
    No expression can stand here.
"""
    )


def test_a_ratio_and_a_room_have_their_forms(says):
    assert (
        says(gate("expect: {ratio: wide, max_bytes: 10 mb}"))
        == """\
r.yaml:7:21: ratio must be like 16:9, got "wide" [pattern]
        expect: {ratio: wide, max_bytes: 10 mb}
                        ^
r.yaml:7:38: max_bytes must be like 10MB or 500KB, got "10 mb" [pattern]
        expect: {ratio: wide, max_bytes: 10 mb}
                                         ^
"""
    )


def test_what_a_picture_must_not_be_is_one_of_two(says):
    assert (
        says(gate("expect: {not: [black]}"))
        == """\
r.yaml:7:20: not: "black" is not known [choice]
        expect: {not: [black]}
                       ^
    Did you mean blank?
"""
    )


def test_limits_that_no_picture_keeps(says):
    assert (
        says(gate("expect: {min_side: 900, max_side: 800, min_similarity: 0.9, max_similarity: 0.5}"))
        == """\
r.yaml:7:24: min_side is 900 and max_side is 800, which no picture can be [expect]
        expect: {min_side: 900, max_side: 800, min_similarity: 0.9, max_similarity: 0.5}
                           ^
    Make min_side the smaller one.
r.yaml:7:60: min_similarity is 0.9 and max_similarity is 0.5, which no picture can be [expect]
        expect: {min_side: 900, max_side: 800, min_similarity: 0.9, max_similarity: 0.5}
                                                               ^
    Make min_similarity the smaller one.
"""
    )


def test_a_similarity_is_a_share(says):
    assert (
        says(gate("expect: {min_similarity: 90}"))
        == """\
r.yaml:7:30: min_similarity must be between 0 and 1, got 90 [range]
        expect: {min_similarity: 90}
                                 ^
"""
    )


def test_a_picture_from_words_alone_is_like_no_input(says):
    assert (
        says(gate("expect: {not: [same_as_input]}", "wan/t2i", image=""))
        == """\
r.yaml:7:19: paint takes no image that its picture could be compared with [expect]
        expect: {not: [same_as_input]}
                      ^
    Leave it out.
"""
    )


def test_a_check_that_is_not_installed(says):
    assert (
        says(gate("expect: {checks: [faces_kept]}"))
        == """\
r.yaml:7:23: there is no check faces_kept [expect]
        expect: {checks: [faces_kept]}
                          ^
    A check is a Python package with an entry point in the group wanflow.checks: pip install it where wanflow is installed (docs/gates.md).
"""
    )


def test_a_reroll_needs_something_that_can_fail(says):
    assert (
        says(gate("reroll: 2"))
        == """\
r.yaml:7:13: paint expects nothing, so that there is nothing to make again [reroll]
        reroll: 2
                ^
    Say expect: {…}.
"""
    )


def test_a_reroll_needs_a_seed(says):
    assert (
        says(gate("expect: {not: [blank]}\n    reroll: 1", "local/fit", more="with: {max_side: 600}"))
        == """\
r.yaml:8:13: local/fit has no seed: made again from the same image, its picture is the same again [reroll]
        reroll: 1
                ^
    Leave reroll out; otherwise: says what becomes of such a row.
"""
    )


def test_rerolls_are_few(says):
    assert (
        says(gate("expect: {not: [blank]}\n    reroll: 11"))
        == """\
r.yaml:8:13: reroll must be between 1 and 10, got 11 [range]
        reroll: 11
                ^
"""
    )


def test_a_bypass_needs_an_image(says):
    assert (
        says(gate("expect: {not: [blank]}\n    otherwise: bypass", "wan/t2i", image=""))
        == """\
r.yaml:8:16: paint has no image that could go on in its place [bypass]
        otherwise: bypass
                   ^
    Say skip or fail.
"""
    )
