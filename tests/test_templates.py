import contextlib
import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wanflow.language.sandbox import MAX_TEXT, TemplateError
from wanflow.language.templates import compile_expression, compile_value

ROOTS = ("row", "params")


def render(text, **row):
    template = compile_value(text, ROOTS)
    return template.render({"row": row, "params": {"room": 1.5}}) if template else text


def refusal(text, **row):
    with pytest.raises(TemplateError) as caught:
        render(text, **row)
    return f"{caught.value} | {caught.value.hint}" if caught.value.hint else str(caught.value)


@pytest.mark.parametrize("value", [5, 0.5, True, None, "text", [1, "a"], {"a": [None]}])
def test_one_expression_keeps_its_type(value):
    found = render("${{ row.x }}", x=value)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5"), (True, "true"), (None, ""), ("é", "é"), (["a", True], '["a",true]')]
)
def test_an_expression_inside_a_text_becomes_text(value, text):
    assert render("<${{ row.x }}>", x=value) == f"<{text}>"


def test_text_from_a_row_is_never_read_as_a_template():
    assert render("${{ row.x }}!", x="${{ row.y }}{% x %}") == "${{ row.y }}{% x %}!"


def test_plain_text_is_no_template():
    assert compile_value("a red coat, 50 % off {not this}", ROOTS) is None


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("row.year < 1965", True),
        ("row.year + 1", 1951),
        ("row.title + '!'", "Old Cat!"),
        ("row.title | lower | replace(' ', '-')", "old-cat"),
        ("row.title | slug", "old-cat"),
        ("row.title | truncate(3)", "Old"),
        ("row.none | default('x')", "x"),
        ("row.empty | default('x')", ""),
        ("row.empty | default('x', true)", "x"),
        ("row.title | split | join('_')", "Old_Cat"),
        ("'9' | int * 2", 18),
        ("'2.5' | float | round", 2),
        ("2.567 | round(2)", 2.57),
        ("[3, 1, 2] | max", 3),
        ("row['title']", "Old Cat"),
        ("row.title if row.year > 2000 else 'old'", "old"),
        ("row.year is number and row.none is undefined", True),
        ("row.items", "a column may be called so"),
        ("row.größe", "L"),
        ("'}}'", "}}"),
        ("params.room", 1.5),
    ],
)
def test_expressions_read_compare_count_and_filter(expression, value):
    row = {"year": 1950, "title": "Old Cat", "empty": "", "items": "a column may be called so", "größe": "L"}
    assert render("${{ " + expression + " }}", **row) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${{ row.tilte }}", "row has no column tilte | Did you mean title?"),
        ("${{ row.tilte | upper }}", "row has no column tilte | Did you mean title?"),
        ("${{ params.zoom }}", "params has no parameter zoom | Did you mean room?"),
        ("${{ row.title.x }}", 'row.title.x has no value | Give it one: ${{ … | default("") }}.'),
        (
            "${{ row.title < 5 }}",
            "row.title < 5 can't be evaluated: text and a number can't be compared"
            " | Give the column a type: types: {year: integer}.",
        ),
        ("${{ row.title * 5 }}", "* can't be used on text and a number"),
        ("${{ 2 ** 9 }}", "** is not part of this language"),
        ("${{ row.title ~ 1 }}", "~ is not part of this language | Write ${{ a }}${{ b }}, or a + b for texts."),
        ("${{ row.title | truncate(length=2) }}", 'the values of truncate have no names | Write default("", true).'),
        ("${{ row.title | int }}", "'Cat' is not a whole number"),
        ("${{ 'nan' | float }}", "'nan' is not a number"),
        ("${{ 1 / 0 }}", "1 / 0 can't be evaluated: division by zero"),
        ("${{ 1e400 }}", "1e400 holds a number that is too large"),
        ("${{ row }} ${{ }}", "the expression is empty"),
        ("${{ row.title = 5 }}", "row.title = 5 is not an expression: unexpected '=' | Comparison is ==, not =."),
        ("${{ row.title", "${{ is never closed | An expression is ${{ … }}."),
        ("${{ row.title | uper }}", "there is no filter uper | Did you mean upper?"),
        ("${{ row.title is strin }}", "there is no test “is strin” | Did you mean string or in?"),
        ("${{ rows.title }}", "there is no rows here | Did you mean row?"),
        ("${{ [row.title, row[row.title]] }}", "[row.title, row[row.title]] gives a list of what is no text or number"),
        ("${{ (1, 2) }}", "(1, 2) gives no text, number or list"),
        ("{{ row.title }}", "{{ … }} is not read as an expression | Write ${{ … }}."),
        ("{% if x %}", "{% … %} blocks are not part of this language | Use when:, or a conditional expression."),
        ("x" * 4000 + "${{ 1 }}", "a text with expressions may have 4,000 characters, this one has 4,008"),
    ],
)
def test_what_can_not_be_rendered_says_why(text, said):
    assert refusal(text, title="Cat") == said


@pytest.mark.parametrize(
    "expression",
    [
        "row.__class__",
        "row['__class__']",
        "row.title.__class__.__mro__",
        "row.title.format",
        "''['__class__']",
        "row.get",
        "params.__init__.__globals__",
        "row.title[0].__class__",
        "([]|first).__class__",
        "row.title['upper']",
    ],
)
def test_no_attribute_of_python_can_be_reached(expression):
    said = refusal("${{ " + expression + " }}", title="Cat")
    assert any(words in said for words in ("has no value", "has no column", "has no parameter", "has no attribute"))


@pytest.mark.parametrize(
    "expression",
    [
        "range(9)",
        "row.title.upper()",
        "(1).__class__()",
        "self",
        "loop",
        "cycler",
        "namespace()",
        "lipsum()",
        "''|attr('x')",
        "row|items",
        "row|map('upper')",
        "row|tojson",
        "row|pprint",
        "_",
        "steps.fit",
        "context",
        "environment",
    ],
)
def test_nothing_can_be_called_and_no_global_exists(expression):
    with pytest.raises(TemplateError):
        compile_value("${{ " + expression + " }}", ROOTS)


HOSTILE = [
    "1 | round(-999999999)",
    "row.n | round(-99999999)",
    "row" + "[row" * 40 + ".u" + "]|d" * 40,
    "[" + ", ".join(["row.big"] * 400) + "] | join",
    "[" + ", ".join(["row.big"] * 400) + "]",
    "row.big + row.big",
    "row.big | replace('x', 'yyyyyyyyyy')",
    "row.big | replace('', row.big)",
    "row.big | split('x')",
    "[" * 1900 + "]" * 1900,
    "(" * 1900 + "1" + ")" * 1900,
    "not " * 990 + "true",
    "-" * 3900 + "1",
    "row" + ".a" * 1900,
    "1" + " | d" * 990,
    "1" + "+1" * 1900,
    "1 if " * 700 + "1",
    "'%1000000000d' % 5",
    "'{:>1000000000}'.format(1)",
    "10 ** 10 ** 10",
    "('9' * 100000000) | int",
    "row.deep",
    "row.deep | string",
    "row | string",
    "row.big | title | upper | slug",
    "{'a': row.big, 'b': [row.big]}",
]


@pytest.mark.parametrize("expression", HOSTILE, ids=range(len(HOSTILE)))
def test_no_expression_runs_long_or_grows(expression):
    deep = []
    for _ in range(3000):
        deep = [deep]
    tracemalloc.start()
    began = time.process_time()
    with contextlib.suppress(TemplateError):
        render("${{ " + expression + " }}", big="x" * 65_536, n=5, u="u", deep=deep)
    seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (seconds < 5, peak < 100_000_000) == (True, True)


PIECES = st.sampled_from(
    [
        "${{",
        "}}",
        "row",
        "params",
        ".",
        "x",
        "a",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ":",
        ",",
        "'",
        '"',
        "1",
        "1e400",
        "-",
        "+",
        "*",
        "**",
        "/",
        "//",
        "%",
        "~",
        "==",
        "<",
        "in",
        "not",
        "and",
        "or",
        "if",
        "else",
        "is",
        "none",
        "true",
        "|default('')",
        "|round(",
        "|replace('',",
        "|join",
        "|int",
        "|float",
        "|string",
        "|split",
        "|first",
        "|truncate(",
        "__class__",
        "{%",
        "%}",
        "{{",
        "#}",
        "\\",
        "\x00",
        "𝔯",
        " ",
        "\n",
    ]
)
ROWS = st.dictionaries(
    st.sampled_from(["x", "a"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
)


@given(st.lists(PIECES, max_size=14).map("".join) | st.text(), ROWS)
@example("1 | round(-99999999)", {})
@example("[row[row.x]]", {"x": "y"})
@example("row.x.a", {"x": {}})
def test_any_text_over_any_row_gives_a_json_value_or_a_template_error(text, row):
    scope = {"row": row, "params": {"x": 1}}
    for compiled in (compile_value, compile_expression):
        for source in (text, "${{" + text + "}}"):
            try:
                template = compiled(source, ROOTS)
                value = template.render(scope) if template else source
            except TemplateError as error:
                assert str(error)
            else:
                assert isinstance(value, str | int | float | list | dict | None)
                assert template is None or not isinstance(value, str) or len(value) <= MAX_TEXT


def test_names_are_known_before_any_row():
    template = compile_value("${{ row.a }}-${{ params.b | upper }}-${{ row.c | default('') }}-${{ row['d'] }}", ROOTS)
    assert {name for name in template.names if name[1]} == {("row", "a"), ("params", "b"), ("row", "d")}
    assert template.roots == {"row", "params"}


def test_a_column_with_a_default_in_one_place_is_still_needed_in_another():
    template = compile_expression("row.a | default('') == row.a", ROOTS)
    assert ("row", "a") in template.names
