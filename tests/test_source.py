import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wanflow.documents.source import MAX_BYTES, decode_text, parse, read_text
from wanflow.errors import Mark, RecipeError


def data(text):
    return parse(text, "r.yaml").data


@pytest.mark.parametrize(
    "word",
    [
        "no",
        "yes",
        "on",
        "off",
        "True",
        "NULL",
        "12:30",
        "007",
        "2001-01-01",
        "0x1F",
        "0o7",
        "1_000",
        "+1",
        ".5",
        "1.",
        ".inf",
        ".nan",
        "1e999",
        "99999999999999999999",
        "=",
    ],
)
def test_surprises_of_yaml_stay_text(word):
    assert data(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ('"5"', "5"),
        ("'true'", "true"),
        ("|\n  no\n", "no\n"),
    ],
)
def test_plain_words_and_decimal_numbers_are_typed(word, value):
    found = data(f"a: {word}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_every_value_and_key_has_its_place():
    document = parse("steps:\n  fit: {uses: local/fit,\n    with: [1, 2]}\n", "r.yaml")
    assert document.mark(("steps", "fit", "uses")) == Mark(2, 15)
    assert document.mark(("steps", "fit", "uses"), key=True) == Mark(2, 9)
    assert document.mark(("steps", "fit", "with", 1)) == Mark(3, 15)


def test_a_place_that_is_not_there_is_that_of_the_node_above():
    document = parse("steps:\n  fit: {}\n", "r.yaml")
    assert document.mark(("steps", "fit", "with", "x")) == Mark(2, 8)
    assert document.mark(("nothing",)) == Mark(1, 1)


def test_an_alias_repeats_what_was_anchored():
    assert data("a: &x {b: [1, &y 2]}\nc: *x\nd: *y") == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": 2}


def test_a_key_may_be_quoted_without_being_merged():
    assert data("'<<': 1") == {"<<": 1}


def test_windows_line_ends_and_a_byte_order_mark_are_folded():
    assert decode_text(b"\xef\xbb\xbfa: 1\r\nb: 2\rc: 3\n", "r.yaml") == "a: 1\nb: 2\nc: 3\n"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("a: 1".encode("utf-16"), "r.yaml: this is UTF-16 text [encoding]\n    Save the file as UTF-8."),
        (b"a\0b", "r.yaml: this file holds NUL bytes [encoding]\n    Save it as UTF-8 text."),
        (
            b"a: 1\nb: \xe9",
            "r.yaml:2:4: byte 0xe9 is not UTF-8 text [encoding]\n"
            "    Save the file as UTF-8 (in spreadsheets: “CSV UTF-8”).",
        ),
    ],
)
def test_what_is_not_utf_8_text_is_refused(raw, said):
    with pytest.raises(RecipeError) as caught:
        decode_text(raw, "r.yaml")
    assert str(caught.value) == said


def test_a_file_that_can_not_be_read_is_a_problem_of_that_file(tmp_path):
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    said = []
    for name in ("none.yaml", "large.yaml", "."):
        with pytest.raises(RecipeError) as caught:
            read_text(tmp_path / name, name, MAX_BYTES)
        said.append(str(caught.value).splitlines()[0])
    assert said == [
        "none.yaml: there is no such file [file]",
        "large.yaml: 1,000,001 bytes; at most 1,000,000 are read [size]",
        ".: this is a folder, not a file [file]",
    ]


YAML = st.text(alphabet=st.sampled_from("ab:-?[]{}&*!|>'\"%#,\n \t\\<=.1~@`\0\x85\u2028\ufeffé"), max_size=60)


@given(st.text() | YAML | st.text(alphabet=st.characters(categories=["Cs", "Lu"]), max_size=4))
@example("a: \ud800")
@example("&a " * 3 + "[" * 3000)
@example("? ? ? ? *a : &b")
@example("&x [*x, *x]")
def test_parsing_raises_nothing_but_recipe_errors(text):
    try:
        parse(text, "r.yaml")
    except RecipeError as error:
        assert str(error).startswith("r.yaml")


@given(st.binary(max_size=60))
def test_decoding_raises_nothing_but_recipe_errors(raw):
    try:
        assert "\r" not in decode_text(raw, "r.yaml")
    except RecipeError as error:
        assert "[encoding]" in str(error)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers(-(10**17), 10**17) | st.booleans()))
def test_what_is_written_plainly_is_read_back(values):
    assert data("".join(f"{key}: {str(value).lower()}\n" for key, value in values.items())) == (values or None)
