from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow.canon import canonical
from wanflow.documents.source import parse
from wanflow.language.build import build
from wanflow.language.expand import Expansion, RowError, key_head, key_of, key_parts, used_columns
from wanflow.model import Row

TEXT = """\
wanflow: 1
params: {room: {type: number, default: 1}}
manifest: {from: rows.csv, where: row.year > 1900}
steps:
  wide:
    uses: wan/expand
    image: row.photo
    when: row.wide
    with: {left_scale: "${{ params.room }}", right_scale: "${{ row.right }}", prompt: "${{ row.a }} & ${{ row.b }}"}
outputs:
  o: {image: steps.wide, to: "out/${{ row.id }}.png"}
"""


def expansion(text=TEXT):
    recipe, problems = build(parse(text, "r.yaml"), Path("/project/r.yaml"), {})
    assert problems == []
    return Expansion(recipe)


def row(**values):
    return Row("0001", {"id": "0001", "right": 1.5, "a": "sea", "b": "sky", "year": 1950, "wide": True} | values, 2, "")


def refused(call, *arguments):
    with pytest.raises(RowError) as caught:
        call(*arguments)
    problem = caught.value.problems[0]
    return problem.rule, problem.message, problem.mark.line, problem.rows


def test_a_row_fills_the_parameters():
    found = expansion()
    job = found.job(found.steps[0], row())
    assert job.parameters == {
        "prompt": "sea & sky",
        "top_scale": 1.0,
        "bottom_scale": 1.0,
        "left_scale": 1.0,
        "right_scale": 1.5,
        "watermark": False,
    }
    assert (job.address, job.parameters_text) == ("0001/wide", canonical(job.parameters))


def test_what_reads_only_params_is_folded_before_any_row():
    (step,) = expansion().steps
    assert sorted(step.templates) == ["prompt", "right_scale"]


def test_a_whole_number_where_a_number_is_meant_gives_the_same_job():
    found = expansion()
    assert [found.job(found.steps[0], row(right=right)).parameters_text for right in (1, 1.0)] == [
        found.job(found.steps[0], row(right=1)).parameters_text
    ] * 2


def test_a_value_out_of_range_names_its_line_and_row_every_time():
    found = expansion()
    for _ in range(2):
        assert refused(found.job, found.steps[0], row(right=9)) == (
            "range",
            "right_scale must be between 1.0 and 2.0, got 9.0",
            9,
            ("0001",),
        )


def test_conditions_decide_per_row():
    found = expansion()
    assert [found.stopped(found.steps[0], row(wide=wide)) is None for wide in (True, False)] == [True, False]
    assert [found.keeps(row(year=year)) for year in (1950, 1850)] == [True, False]


def test_a_condition_that_is_no_truth_is_refused():
    found = expansion()
    assert refused(found.stopped, found.steps[0], row(wide="yes")) == (
        "when",
        'when must be true or false, got "yes"',
        8,
        ("0001",),
    )


def test_a_missing_value_is_refused_for_its_row():
    found = expansion()
    values = {"id": "0001"}
    assert refused(found.job, found.steps[0], Row("0001", values, 2, ""))[1].startswith("row has no column")


def test_every_bad_value_of_a_job_is_told():
    found = expansion()
    with pytest.raises(RowError) as caught:
        found.job(found.steps[0], Row("0001", {"id": "0001"}, 2, ""))
    assert len(caught.value.problems) == len(found.steps[0].templates) > 1


def test_paths_are_rendered():
    found = expansion()
    assert found.path(found.recipe.outputs[0], row()) == "out/0001.png"


def test_sizes_follow_the_parameters():
    found = expansion()
    assert found.size(found.job(found.steps[0], row()), {"image": (1000, 800)}) == (1250, 800)


def test_columns_that_a_recipe_needs_are_known_with_their_places():
    assert list(used_columns(expansion().recipe)) == [
        (("steps", "wide", "image"), "photo"),
        (("steps", "wide", "with", "prompt"), "a"),
        (("steps", "wide", "with", "prompt"), "b"),
        (("steps", "wide", "with", "right_scale"), "right"),
        (("steps", "wide", "when"), "wide"),
        (("outputs", "o", "to"), "id"),
        (("manifest", "where"), "year"),
    ]


PARAMETERS = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4) | st.booleans(), max_size=4)


@given(PARAMETERS, st.dictionaries(st.sampled_from(["image", "mask"]), st.sampled_from(["ab", "cd"])))
def test_a_key_does_not_depend_on_order(parameters, inputs):
    def key(one, other):
        return key_of(key_parts(key_head("wan/expand", "draft:1"), canonical(one), other))

    backwards = dict(reversed(parameters.items())), dict(reversed(inputs.items()))
    assert key(parameters, inputs) == key(*backwards)


@given(PARAMETERS, st.text(max_size=4), st.text(max_size=4), st.text(min_size=1, max_size=4))
def test_a_key_changes_with_every_part(parameters, function, fingerprint, more):
    parts = [function, fingerprint, parameters, {"image": "ab"}]
    changed = [
        [function + more, *parts[1:]],
        [function, fingerprint + more, *parts[2:]],
        [*parts[:2], {**parameters, "new": more}, parts[3]],
        [*parts[:3], {"image": "abc"}],
        [*parts[:3], {"mask": "ab"}],
    ]
    keys = [key_of(key_parts(key_head(f, b), canonical(p), i)) for f, b, p, i in [parts, *changed]]
    assert len(set(keys)) == len(keys)


@given(PARAMETERS)
def test_key_parts_are_the_canonical_text_of_what_they_stand_for(parameters):
    inputs = {"mask": "cd", "image": "ab", "images.10": "ef"}
    text = key_parts(key_head("wan/expand", "draft:1"), canonical(parameters), inputs)
    assert text == canonical([1, "wan/expand", "draft:1", parameters, inputs, None])


def test_a_picture_that_nobody_could_read_is_not_made():
    found = expansion()
    wide = found.job(found.steps[0], row(right=2.0))
    rule, message, line, rows = refused(found.size, wide, {"image": (16000, 6000)})
    assert (rule, line, rows) == ("size", 9, ("0001",))
    assert message == "16000x6000 px would become 24000x6000, 144 million pixels; at most 120 million are made"
    with pytest.raises(RowError) as caught:
        found.size(wide, {"image": (16000, 6000)})
    assert caught.value.problems[0].hint == (
        "Ask for less, or put a local/fit step before it, with: {max_side: 14605}."
    )
    assert found.size(wide, {"image": (14605, 5477)})
