import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow.documents.kinds import typed
from wanflow.errors import RecipeError
from wanflow.manifests.rows import Manifest, key_problem
from wanflow.manifests.tables import is_glob, read_table


def opened(folder, text, name="rows.csv", key="id", **types):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return Manifest(read_table(name, folder, name), folder, name, key, types)


def rows(folder, text, name="rows.csv", key="id", **types):
    return [row for row, problems in opened(folder, text, name, key, **types).rows() if not problems]


def test_text_stays_text(tmp_path):
    (row,) = rows(tmp_path, "id,year,flag\n007,1950,true\n")
    assert row.values == {"id": "007", "year": "1950", "flag": "true"}


def test_types_are_given_to_the_columns_that_ask(tmp_path):
    (row,) = rows(tmp_path, "id,year,size,old\n1,1950, 2.5 ,TRUE\n", year="integer", size="number", old="boolean")
    assert row.values == {"id": "1", "year": 1950, "size": 2.5, "old": True}


def test_an_empty_cell_of_a_typed_column_is_null_and_of_a_text_column_is_empty(tmp_path):
    (row,) = rows(tmp_path, "id,year,title\n1,,\n", year="integer", title="string")
    assert row.values == {"id": "1", "year": None, "title": ""}


def test_rows_keep_their_lines_across_quoted_breaks_and_blank_lines(tmp_path):
    text = '\nid,title\n1,"two\nlines"\n\n2,one\n'
    assert [(row.key, row.line) for row in rows(tmp_path, text)] == [("1", 3), ("2", 6)]


def test_tabs_separate_tsv(tmp_path):
    assert rows(tmp_path, "id\ttitle\n1\ta, b\n", "rows.tsv")[0].values == {"id": "1", "title": "a, b"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", '{"id": "a", "n": 1}\n\n{"id": 2, "n": [true, null]}\n'),
        ("rows.json", '[{"id": "a", "n": 1}, {"id": 2, "n": [true, null]}]'),
        ("rows.yaml", "- {id: a, n: 1}\n- {id: 2, n: [true, null]}\n"),
    ],
)
def test_json_and_yaml_rows_keep_their_types(tmp_path, name, text):
    found = rows(tmp_path, text, name)
    assert [(row.key, row.values["n"]) for row in found] == [("a", 1), ("2", [True, None])]


def test_a_glob_gives_files_in_order_of_name(tmp_path):
    for name in ("b.jpg", "a.jpg", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "d.jpg").mkdir()
    manifest = Manifest(read_table("*.jpg", tmp_path, "*.jpg"), tmp_path, "*.jpg", "stem", {})
    assert [row.values for row, _ in manifest.rows()] == [
        {"path": "a.jpg", "name": "a.jpg", "stem": "a", "ext": "jpg", "folder": "."},
        {"path": "b.jpg", "name": "b.jpg", "stem": "b", "ext": "jpg", "folder": "."},
    ]
    assert (is_glob("scans/*.jpg"), is_glob("rows.csv")) == (True, False)


def test_a_glob_may_be_absolute(tmp_path):
    (tmp_path / "a.jpg").touch()
    (record,) = read_table(f"{tmp_path}/*.jpg", tmp_path / "elsewhere", "x").records
    assert record.values["path"] == (tmp_path / "a.jpg").as_posix()


def test_a_row_of_another_text_is_another_row(tmp_path):
    texts = ["id,a\n1,x\n", "id,a\n1,y\n", 'id,a,b\n1,x,""\n']
    assert len({rows(tmp_path, text)[0].text for text in texts}) == 3


def test_row_keys_are_compared_in_one_normal_form(tmp_path):
    manifest = opened(tmp_path, "id\ncaf\u00e9\ncafe\u0301\n")
    assert [row.key for row, _ in manifest.rows()] == ["café"]
    assert [problem.message for problem in manifest.problems] == ["key café stands here again; first in line 2"]


def test_a_missing_key_is_told_and_the_other_rows_stand(tmp_path):
    manifest = opened(tmp_path, '{"id": "a"}\n{"no": 1}\n{"id": "b"}\n', "rows.jsonl")
    assert [row.key for row, _ in manifest.rows()] == ["a", "b"]
    assert [problem.message for problem in manifest.problems] == ["the key is empty"]


def test_what_is_wrong_with_one_row_comes_with_that_row(tmp_path):
    manifest = opened(tmp_path, "id,year\na,x\nb,1950\n", year="integer")
    assert [(row.key, [p.message for p in problems]) for row, problems in manifest.rows()] == [
        ("a", ['year must be a whole number, got "x"']),
        ("b", []),
    ]
    assert manifest.problems == []


@pytest.mark.parametrize("key", ["0001", "a b", "Über", "photo.1", "a_b-c", "照片"])
def test_a_safe_key_is_accepted(key):
    assert key_problem(key) == ""


@pytest.mark.parametrize(
    "key", ["", " ", "a/b", "..", "a\n", "con", "COM1.txt", "run", "a@b", "x" * 121, "\ud800", None, 1.5]
)
def test_an_unsafe_key_is_refused(key):
    assert key_problem(key)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1.0", "integer"),
        ("1_0", "integer"),
        ("x", "number"),
        ("1e999", "number"),
        ("nan", "number"),
        ("yes", "boolean"),
        (True, "integer"),
        (1, "string"),
        (1.5, "integer"),
        ([], "string"),
        ("٣", "integer"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(value, kind):
    with pytest.raises(ValueError):
        typed(value, kind)


@given(
    st.sampled_from(["rows.csv", "rows.tsv", "rows.jsonl", "rows.json", "rows.yaml"]),
    st.binary(max_size=60)
    | st.text(alphabet=st.sampled_from('id,"\n\r\t{}[]:-\\u0d8001eE.NaN#*&'), max_size=60).map(
        lambda t: b"id,a\n" + t.encode()
    )
    | st.lists(st.dictionaries(st.text(max_size=3), st.floats() | st.text(max_size=3), max_size=3), max_size=3).map(
        lambda entries: json.dumps(entries).encode()
    ),
)
def test_reading_raises_nothing_but_recipe_errors(tmp_path_factory, name, raw):
    folder = tmp_path_factory.getbasetemp()
    try:
        manifest = opened(folder, raw, name, a="number")
        found = list(manifest.rows())
    except RecipeError as error:
        assert str(error).startswith(name)
    else:
        keys = [row.key for row, _ in found]
        assert len(keys) == len(set(keys))
        assert len(keys) <= manifest.count
