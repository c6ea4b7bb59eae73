"""Each model of a function has its own parameters, limits and sizes, and a plan refuses what the chosen one lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from wanflow import api
from wanflow.errors import RecipeError
from wanflow.functions.catalog import functions, models
from wanflow.functions.narrow import narrowed

PAIRS = [(function.name, model) for function in functions().values() for model in function.models]


@pytest.mark.parametrize(("function", "model"), PAIRS)
def test_every_model_narrows_its_functions(function: str, model: str) -> None:
    exact = narrowed(function, model)
    whole = functions()[function]
    assert set(exact.properties) <= set(whole.properties)
    assert exact.properties["prompt"]["maxLength"] == models()[model].prompt["max_length"]
    assert ("negative_prompt" in exact.properties) is (
        "negative_prompt" in whole.properties and models()[model].negative_prompt is not None
    )


def test_every_model_does_some_function() -> None:
    assert {model for _, model in PAIRS} == set(models())


def test_a_local_function_is_as_it_is() -> None:
    assert narrowed("local/fit", None) is functions()["local/fit"]


@pytest.fixture
def check(tmp_path: Path):
    def said(step: str, size: tuple[int, int] = (600, 600)) -> str:
        Image.new("RGB", size, (9, 90, 200)).save(tmp_path / "a.png")
        (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n")
        (tmp_path / "r.yaml").write_text(f"wanflow: 1\nmanifest: {{from: rows.csv}}\nsteps:\n  it: {step}\n")
        try:
            api.check(tmp_path / "r.yaml")
        except RecipeError as error:
            return str(error)
        return ""

    return said


@pytest.mark.parametrize("model", list(functions()["wan/t2i"].models))
def test_without_a_size_it_is_the_models_own(tmp_path: Path, model: str) -> None:
    (tmp_path / "rows.csv").write_text("id\n1\n")
    step = f"{{uses: wan/t2i, model: {model}, with: {{prompt: a lighthouse}}}}"
    (tmp_path / "r.yaml").write_text(f"wanflow: 1\nmanifest: {{from: rows.csv}}\nsteps:\n  it: {step}\n")
    [planned] = api.plan(tmp_path / "r.yaml").steps
    size = "*".join(map(str, models()[model].size["default"]))
    assert planned.constants["size"] == size
    said = functions()["wan/t2i"].properties["size"]
    assert "default" not in said  # since models differ
    assert size in said["description"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            "{uses: wan/t2i, model: wan2.6-t2i, with: {prompt: a, style: <anime>}}",
            "wan2.6-t2i has no style [model]",
        ),
        ("{uses: wan/t2i, model: wan2.6-t2i, with: {prompt: a, style: <anime>}}", "Known to have it: wanx-v1."),
        ("{uses: wan/t2i, model: wanx-v1, with: {prompt: a, prompt_extend: true}}", "wanx-v1 has no prompt_extend"),
        (
            "{uses: wan/t2i, model: wanx-v1, with: {prompt: a, size: 1000*1000}}",
            "size 1000*1000 is not among those that the model makes",
        ),
        (
            "{uses: wan/t2i, model: wan2.2-t2i-flash, with: {prompt: a, size: 1600*900}}",
            "has a side that is not between 512 and 1440",
        ),
        (
            "{uses: wan/t2i, with: {prompt: a, size: 800*800}}",
            "size 800*800 has 640000 pixels; the model makes 1638400 to 2073600",
        ),
        (
            f"{{uses: wan/t2i, model: wan2.2-t2i-flash, with: {{prompt: {'a' * 501}}}}}",
            "prompt may have at most 500 characters, got 501",
        ),
        (
            "{uses: wan/i2i, images: [row.photo, row.photo, row.photo, row.photo], with: {prompt: a}}",
            "images: wan2.5-i2i-preview takes at most 3, got 4",
        ),
        ("{uses: wan/t2i, model: wan2.5-i2i-preview, with: {prompt: a}}", "wan2.5-i2i-preview can't do wan/t2i"),
    ],
)
def test_what_a_model_lacks_is_refused_in_words(check, step: str, message: str) -> None:
    assert message in check(step)


@pytest.mark.parametrize("size", ["1K", "2K", "2048*2048", "768*1024"])
def test_a_recipe_may_set_every_size_that_its_model_makes(check, size: str) -> None:
    step = f'{{uses: wan/i2i, model: wan2.6-image, images: [row.photo], with: {{prompt: a, size: "{size}"}}}}'
    assert check(step) == ""
    assert "size must be like 1280*720" in check(step.replace(size, "4K"))


def test_sizes_of_one_model_are_none_of_another(check) -> None:
    step = '{uses: wan/i2i, images: [row.photo], with: {prompt: a, size: "1K"}}'
    assert "size must be like 1280*720" in check(step)
    assert "size 2048*2048 has 4194304 pixels" in check(step.replace("1K", "2048*2048"))


@pytest.mark.parametrize(("size", "made"), [("1K", (1280, 1280)), ("2K", (2048, 2048)), ("1000*1000", (1008, 1008))])
def test_a_draft_is_as_large_as_its_model_would_make_it(tmp_path: Path, size: str, made: tuple[int, int]) -> None:
    Image.new("RGB", (600, 600), (9, 90, 200)).save(tmp_path / "a.png")
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n")
    step = f"{{uses: wan/i2i, model: wan2.6-image, images: [row.photo], with: {{prompt: a, size: '{size}'}}}}"
    output = "outputs:\n  it: {image: steps.it, to: it.png}\n"
    (tmp_path / "r.yaml").write_text(f"wanflow: 1\nmanifest: {{from: rows.csv}}\nsteps:\n  it: {step}\n{output}")
    api.run(tmp_path / "r.yaml")
    with Image.open(tmp_path / "it.png") as image:
        assert image.size == made


def test_limits_on_pictures_are_the_models(check) -> None:
    i2i = "{uses: wan/i2i, images: [row.photo], with: {prompt: a}}"
    assert "takes 384 to 5000 px a side" in check(i2i, (300, 400))
    assert "2100x500 px is longer than 4:1" in check(i2i, (2100, 500))
    assert check(i2i.replace("wan/i2i,", "wan/i2i, model: wan2.6-image,"), (300, 400)) == ""


@pytest.mark.parametrize("model", list(functions()["wan/t2i"].models))
def test_a_model_needs_nothing_but_a_prompt(check, model: str) -> None:
    assert check(f"{{uses: wan/t2i, model: {model}, with: {{prompt: a lighthouse}}}}") == ""
