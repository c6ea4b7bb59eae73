"""No input makes wanflow raise anything but what it says to its users; `make fuzz` tries many times more."""

from __future__ import annotations

import contextlib
from typing import Any

import choices
import manifests
import paths
import pytest
import rowschemas
import runner
import templates

import recipes


@pytest.mark.parametrize("target", runner.targets())
def test_hostile_inputs_end_in_words(target: str) -> None:
    tally = runner.tried(target, 150, seed=1)
    assert tally.inputs
    # How long each took is for the long form to judge.
    assert [wrong for _, wrong in tally.finds if not wrong.startswith("took")] == []


@pytest.mark.parametrize("case", [("r.yaml", choices.PICKS.encode()), ("plan.json", choices.PLAN.encode())])
def test_files_that_are_handed_on_are_sound_before_they_are_spoilt(case: tuple[str, bytes]) -> None:
    choices.probe(case)


# What was found once, by this or by thinking, with what it did before it was mended.
FOUND: tuple[tuple[Any, Any], ...] = (
    (templates, (False, '[{}, "a"]["a"]', {})),  # an UndefinedError of Jinja, which folds constants
    (templates, (False, "row.list | join(row.long)", {"list": ["a"] * 20_000, "long": "x" * 60_000})),  # 1.2 GB
    (templates, (False, f"[{', '.join(['row.long'] * 300)}] | string", {"long": "x" * 60_000})),  # 18 MB before a look
    (recipes, recipes.SEEDS[0].replace("^[a-z]+$", "(" * 3000).encode()),  # a RecursionError of Python's re
    (recipes, recipes.SEEDS[0].replace("^[a-z]+$", "(a+)+$").replace("default: red", f"default: {'a' * 40}!").encode()),
    (recipes, recipes.SEEDS[0].replace("^[a-z]+$", "^*-z]+$").encode()),  # RE2 takes it, Python's re does not
    (recipes, f"wanflow: 1\nsteps: {{a: {{uses: local/fit, image: row.p}}}}\nparams: {{{'a: 1, ' * 9}}}\n".encode()),
    (manifests, ("m.csv", ",".join(f"c{n}" for n in range(200_000)).encode(), {})),  # minutes, by the square
    (manifests, ("m.jsonl", b'{"id": "a"}\n' + b"[" * 3_000_000, {})),
    (manifests, ("m.json", b"[{" + b",".join(b'"%d":1' % n for n in range(100_000)) + b',"99999":2}]', {})),
    (manifests, ("m.json", b"[" + b"1," * 150_000 + b"1]", {})),  # a problem for each of any number of entries
    (rowschemas, ('{"pattern": "("}', {"a": 1})),  # an error of Python's re, when the first row came
    (rowschemas, ('{"properties": {"a": {"pattern": "(a+)+$"}}}', {"a": "a" * 60_000 + "!"})),
    (rowschemas, ('{"patternProperties": {"(a+)+$": false}, "additionalProperties": false}', {"a" * 60 + "!": 1})),
    (rowschemas, ('{"properties": {"a": {"uniqueItems": true}}}', {"a": [1, "a", None, []] * 8_000})),
    (paths, ".."),  # its folder is within reach, it is not
    (paths, "loop1/" * 20 + "*/*/*/*/*/*.png"),
    (paths, "**/" * 20 + "*.png"),
)


@pytest.mark.parametrize(("target", "case"), FOUND, ids=range(len(FOUND)))
def test_what_was_found_ends_in_words(target: Any, case: Any) -> None:
    with contextlib.suppress(runner.OURS):
        target.probe(case)


def test_a_schema_that_doubles_its_own_work_is_stopped() -> None:
    doubled = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}}
    judge = rowschemas.Judge({"$ref": "#/$defs/d0", "$defs": doubled})
    with pytest.raises(rowschemas.TooMuchWorkError):
        list(judge.faults({}))


def test_a_part_of_a_schema_can_not_bring_a_validator_without_bounds() -> None:
    part = {"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": "(a+)+$"}
    with pytest.raises(rowschemas.jsonschema.SchemaError, match=r"\$schema"):
        rowschemas.Judge({"properties": {"a": part}})
