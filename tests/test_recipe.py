from pathlib import Path

import pytest

from wanflow.documents.source import parse
from wanflow.errors import UsageError
from wanflow.language.build import build
from wanflow.language.recipe import normal, over, without
from wanflow.language.templates import Template
from wanflow.model import Ref, RefKind

TEXT = """\
wanflow: 1
params:
  upscale: {type: integer, minimum: 1, maximum: 4, default: 2}
  logo: {type: string, default: logo.png}
manifest: {from: rows.csv, where: row.keep == "yes"}
defaults: {seed: 7}
steps:
  big: {uses: wan/super_resolution, image: steps.fit, with: {upscale_factor: "${{ params.upscale }}"}}
  fit: {uses: local/fit, image: row.photo, with: {max_side: 1024.0}}
  logo: {uses: local/fit, image: params.logo, with: {max_side: 64}}
outputs:
  master: {image: steps.big, to: "out/${{ row.id }}.png"}
  small: {image: steps.fit, to: "out/${{ row.id }}-small.jpg", quality: 80}
"""


def built(text=TEXT, **params):
    recipe, problems = build(parse(text, "r.yaml"), Path("/project/restore-old.yaml"), params)
    assert [problem.text() for problem in problems] == []
    return recipe


def messages(text):
    _, problems = build(parse(text, "r.yaml"), Path("/project/r.yaml"), {})
    return [problem.message for problem in problems]


def test_steps_stand_in_an_order_in_which_they_can_run():
    assert [step.id for step in built().steps] == ["fit", "big", "logo"]
    assert built().step("big").needs == ("fit",)
    with pytest.raises(KeyError):
        built().step("none")


def test_a_recipe_without_name_has_that_of_its_file():
    assert built().name == "restore_old"
    assert built(TEXT + "name: archive\n").name == "archive"


def test_references_become_edges():
    recipe = built()
    assert recipe.step("fit").inputs == {"image": Ref(RefKind.ROW, "photo")}
    assert recipe.step("logo").inputs == {"image": Ref(RefKind.PARAM, "logo")}
    assert str(recipe.step("big").inputs["image"]) == "steps.fit"


def test_defaults_of_functions_and_of_the_recipe_are_filled_in():
    big = built().step("big")
    assert big.constants == {"prompt": "Image super resolution", "watermark": False, "seed": 7}
    assert isinstance(big.templates["upscale_factor"], Template)
    assert big.model == "wanx2.1-imageedit"


def test_defaults_are_not_for_local_steps():
    assert built().step("fit").constants == {"max_side": 1024}
    assert built().step("fit").model is None


def test_a_step_goes_before_the_defaults():
    text = TEXT.replace("with: {upscale", "with: {seed: 9, upscale")
    assert built(text).step("big").constants["seed"] == 9


def test_a_key_column_is_id_or_the_stem_of_a_glob():
    assert built().manifest.key == "id"
    assert built(TEXT.replace("rows.csv", '"*.jpg"')).manifest.key == "stem"


def test_a_parameter_can_be_set_from_outside():
    assert built(upscale="4").params == {"upscale": 4, "logo": "logo.png"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"upscal": "4"}, "-p upscal: the recipe has no parameter upscal. Did you mean upscale?"),
        ({"upscale": "5"}, "-p upscale must be between 1 and 4, got 5"),
        ({"upscale": "two"}, '-p upscale: must be a whole number, got "two"'),
        ({"upscale": ""}, '-p upscale: must be a whole number, got ""'),
    ],
)
def test_a_parameter_from_outside_must_fit(given, said):
    with pytest.raises(UsageError) as caught:
        built(**given)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("value", "rule", "carried"),
    [(1, {"type": "number"}, 1.0), (2.0, {"type": "integer"}, 2), (True, {"type": "number"}, True), ("1", {}, "1")],
)
def test_a_number_is_one_key_however_it_is_written(value, rule, carried):
    found = normal(value, rule)
    assert (found, type(found)) == (carried, type(carried))


def test_a_faulty_step_takes_what_needs_it_out_of_the_recipe_and_no_more():
    text = TEXT.replace("max_side: 1024.0", "max_sides: 1024")
    recipe, problems = build(parse(text, "r.yaml"), Path("/project/r.yaml"), {})
    assert [problem.message for problem in problems] == ["max_sides is not known in steps.fit.with"]
    assert ([step.id for step in recipe.steps], recipe.outputs) == (["logo"], ())


def test_a_step_whose_image_is_a_faulty_parameter_is_left_out():
    text = TEXT.replace("default: logo.png", "default: 5")
    recipe, problems = build(parse(text, "r.yaml"), Path("/project/r.yaml"), {})
    assert [problem.message for problem in problems] == ["logo must be text, got 5"]
    assert [step.id for step in recipe.steps] == ["fit", "big"]


def test_a_faulty_parameter_is_told_once_not_again_where_it_is_used():
    assert messages(TEXT.replace("default: 2}", "default: 9}")) == ["upscale must be between 1 and 4, got 9"]


def test_a_step_may_hand_its_image_on():
    step = "{uses: local/fit, image: row.photo, otherwise: bypass, with: {max_side: 5}}"
    assert built(f"wanflow: 1\nmanifest: {{from: a.csv}}\nsteps: {{a: {step}}}\n").steps[0].otherwise == "bypass"


def test_another_manifest_keeps_what_the_recipe_says_of_rows():
    recipe = over(built(), "/other.csv")
    assert (recipe.manifest.source, recipe.manifest.where.source) == ("/other.csv", 'row.keep == "yes"')
    assert over(recipe, None) is recipe


def test_a_recipe_can_do_without_some_steps():
    rest = without(built(), [("steps", "fit", "with")])
    assert ([step.id for step in rest.steps], rest.outputs) == (["logo"], ())
    assert [output.name for output in without(built(), [("outputs", "small", "to")]).outputs] == ["master"]


def test_four_thousand_outputs_are_no_burden():
    many = "".join(f'  o{n}: {{image: steps.fit, to: "o/{n}.png"}}\n' for n in range(4000))
    assert len(built(TEXT + many).outputs) == 4002
