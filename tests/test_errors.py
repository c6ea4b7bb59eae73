import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow.errors import (
    Again,
    EditError,
    Mark,
    Problem,
    RecipeError,
    RefusedError,
    StoreError,
    UsageError,
    WanflowError,
    describe_os_error,
    did_you_mean,
    merge,
    printable,
    sentence,
)


@pytest.mark.parametrize("words", ["wait for others", "wait for others.", "wait for others.."])
def test_a_sentence_ends_with_one_full_stop(words: str) -> None:
    assert sentence(words) == "wait for others."


def test_a_problem_shows_place_line_caret_rows_and_remedy():
    problem = Problem(
        "range",
        "strength must be between 0 and 1, got 1.4",
        "restore.yaml",
        Mark(14, 17),
        "      strength: 1.4",
        "Lower it.",
        ("0001",),
        12,
    )
    assert (
        problem.text()
        == """\
restore.yaml:14:17: strength must be between 0 and 1, got 1.4 [range]
          strength: 1.4
                    ^ used by 12 rows, first 0001
    Lower it."""
    )


def test_a_problem_of_one_row_names_it():
    assert Problem("image", "there is no such file", "rows.csv", Mark(2, 1), rows=("a",), row_count=1).text() == (
        "rows.csv:2:1: there is no such file [image]\n    row a"
    )


def test_a_problem_without_place_is_one_line():
    assert Problem("size", "too large").text() == "too large [size]"


def test_the_caret_stands_below_wide_characters():
    lines = Problem("type", "x", "r.yaml", Mark(1, 8), "prompt: 红色 [").text().splitlines()
    after = Problem("type", "x", "r.yaml", Mark(1, 12), "prompt: 红色 [").text().splitlines()
    assert (lines[2], after[2]) == ("    " + " " * 7 + "^", "    " + " " * 13 + "^")


def test_a_long_line_is_cut_around_the_caret():
    text = Problem("type", "x", "r.yaml", Mark(1, 500_001), "a" * 500_000 + "B" + "c" * 500_000).text()
    shown, caret = text.splitlines()[1:]
    assert len(shown) < 120
    assert shown[caret.index("^")] == "B"


def test_control_characters_never_reach_the_terminal():
    problem = Problem("x", "a\x1b[31m", "b\x07.yaml", Mark(1, 1), "c\x00", "d\x9b", ("e\x1b",), 1)
    assert all(char == "\n" or char.isprintable() for char in problem.text())


@given(st.text())
def test_printable_text_keeps_its_printable_characters(text):
    assert all(char.isprintable() or char == "\n" for char in printable(text))
    assert printable(text) == text or not text.isprintable()


def test_the_same_problem_of_many_rows_becomes_one_that_counts_them():
    def of(row):
        return Problem("range", "too high", "r.yaml", Mark(3, 1), rows=(row,), row_count=1)

    (one,) = merge([of("a"), of("b"), of("c")])
    assert (one.rows, one.row_count) == (("a",), 3)


def test_problems_are_told_in_order_of_place():
    problems = [Problem("x", "m", path, mark) for path, mark in [("b", Mark(1, 1)), ("a", Mark(9, 1)), ("a", None)]]
    assert [(p.path, p.mark) for p in merge(problems)] == [("a", None), ("a", Mark(9, 1)), ("b", Mark(1, 1))]


def test_a_recipe_error_says_all_its_problems():
    assert str(RecipeError([Problem("x", "second", "b"), Problem("x", "first", "a")])) == "a: first [x]\nb: second [x]"


def test_a_problem_as_json_has_its_place():
    assert Problem("x", "m", "r.yaml", Mark(2, 3), hint="h", rows=("a",), row_count=4).json() == {
        "rule": "x",
        "message": "m",
        "path": "r.yaml",
        "line": 2,
        "column": 3,
        "rows": ["a"],
        "row_count": 4,
        "origin": "",
        "used_by": [],
        "hint": "h",
    }


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("max_sides", ["max_side", "min_side"], "Did you mean max_side or min_side?"),
        ("colorize", ["wan/colorization", "local/fit"], "Did you mean wan/colorization?"),
        ("zzz", ["b", "a"], "Known here: a, b."),
        ("zzz", [], ""),
    ],
)
def test_a_hint_names_the_nearest_words_or_all(word, known, hint):
    assert did_you_mean(word, known) == hint


def test_every_error_has_its_exit_code():
    codes = {UsageError: 64, RecipeError: 65, RefusedError: 3, StoreError: 1, EditError: 1, WanflowError: 1}
    assert {error: error.exit_code for error in codes} == codes


def test_an_edit_error_crosses_a_process_border_whole():
    error = pickle.loads(pickle.dumps(EditError("ImageMissing", "there is no such file", Again.SOON)))  # noqa: S301 - our own bytes
    assert (error.code, error.message, error.again) == ("ImageMissing", "there is no such file", Again.SOON)
    assert str(error) == "ImageMissing: there is no such file"


def test_what_the_system_said_names_the_file_but_not_its_folder():
    assert describe_os_error(PermissionError(13, "Permission denied", "/secret/place/a.png")) == (
        "Permission denied: a.png"
    )
    assert describe_os_error(OSError()) == "OSError"
