"""Recipes and rows drawn by hypothesis: steps with matrices, followers, conditions, fan-in, and their outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes import picture
from hypothesis import strategies as st

PHOTOS = {
    f"{name}.png": picture(name, size) for name, size in (("a", (520, 520)), ("b", (700, 530)), ("c", (300, 600)))
}
FUNCTIONS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "wan/colorization": {"prompt": st.sampled_from(["x", "${{ row.words }}", "${{ params.words }}"])},
    "wan/super_resolution": {"upscale_factor": st.sampled_from([1, 2, "${{ row.factor }}"])},
    "wan/expand": {"left_scale": st.sampled_from([1, 1.5, "${{ row.factor / 2 }}"])},
    "local/fit": {"min_side": st.just(512), "max_side": st.sampled_from([900, 2000])},
}
ROW = st.fixed_dictionaries(
    {
        "photo": st.sampled_from(sorted(PHOTOS)),
        "words": st.sampled_from(["red", "blue"]),
        "factor": st.sampled_from([1, 2, 3]),
        "flag": st.booleans(),
    }
)


MATRIX = st.fixed_dictionaries(
    {"zoom": st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=2, unique=True)},
    optional={"word": st.sampled_from([{"a": "x"}, {"a": "x", "b": "y"}])},
)
CANDIDATES = st.sampled_from(
    [
        {"candidates": 2},
        {"candidates": 3, "pick": {"by": "first", "top": 2}},
        {"candidates": 2, "pick": {"by": "hand"}},
        {"candidates": 4, "pick": {"by": "hand", "top": 2}},
    ]
)
TAGS = ["web", "print"]
MANY = {"uses": "wan/i2i", "model": "wan2.6-image", "with": {"prompt": "together"}}


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    """Steps of rows, some with a matrix or over several pictures, then steps of the whole run."""
    made: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 4))):
        function = draw(st.sampled_from(sorted(FUNCTIONS)))
        sources = ["row.photo", *(source for name in made for source in pictures_of(name, made))]
        step: dict[str, Any] = {"uses": function, "image": draw(st.sampled_from(sources))}
        step["with"] = {name: draw(values) for name, values in FUNCTIONS[function].items()}
        conditions = ["row.flag", "row.factor > 1", "params.words == 'green'"]
        if made and draw(st.integers(0, 3)) == 0:
            step = {
                **MANY,
                "images": [draw(st.sampled_from(sources)), f"steps.{draw(st.sampled_from(sorted(made)))}.all"],
            }
        elif (many := [name for name in made if "matrix" in made[name]]) and draw(st.booleans()):
            followed = draw(st.sampled_from(many))
            step |= {"matrix": f"steps.{followed}", "image": f"steps.{followed}"}
            conditions.append("matrix.zoom > 1")
        elif draw(st.integers(0, 2)) == 0:
            step["matrix"] = draw(MATRIX)
            name = draw(st.sampled_from(sorted(step["with"])))
            step["with"][name] = "${{ matrix.zoom }}" if function != "wan/colorization" else "${{ matrix.zoom }} x"
            step["with"] |= {"max_side": 2000} if function == "local/fit" else {}
            conditions.append("matrix.zoom > 1")
        if step["uses"].startswith("wan/") and draw(st.integers(0, 2)) == 0:
            step |= draw(CANDIDATES)
        if draw(st.booleans()):
            step["when"] = draw(st.sampled_from(conditions))
            step["otherwise"] = draw(st.sampled_from(["skip", "bypass"])) if "image" in step else "skip"
        if draw(st.booleans()):
            step["tags"] = draw(st.lists(st.sampled_from(TAGS), min_size=1, unique=True))
        made[f"s{number}"] = step
    for number in range(draw(st.integers(0, 2))):
        gathered = draw(st.lists(st.sampled_from(sorted(made)), min_size=1, max_size=2))
        made[f"w{number}"] = {**MANY, "per": "run", "images": [f"steps.{name}.all" for name in gathered]}
    return made


def matrix_of(name: str, made: dict[str, Any]) -> dict[str, Any]:
    """The matrix of a step, its own or another's; empty without one."""
    matrix = made[name].get("matrix", {})
    return matrix_of(matrix.removeprefix("steps."), made) if isinstance(matrix, str) else matrix


def pictures_of(name: str, made: dict[str, Any]) -> list[str]:
    """What a step of a row can take of another."""
    if not (matrix := matrix_of(name, made)):
        return [f"steps.{name}"]
    words = [f"{word}-" for word in matrix.get("word", ())] or [""]
    return [f"steps.{name}@{word}{zoom}" for word in words for zoom in matrix["zoom"]]


def with_outputs(made: dict[str, Any]) -> dict[str, Any]:
    """A recipe that shows the last step of rows, and the last of all."""
    recipe: dict[str, Any] = {
        "wanflow": 1,
        "params": {"words": {"type": "string", "default": "green"}},
        "manifest": {"from": "rows.jsonl"},
        "steps": made,
        "outputs": {},
    }
    of_rows = [name for name in made if made[name].get("per") != "run"]
    for name in {of_rows[-1], list(made)[-1]}:
        keys = "".join(f"-${{{{ matrix.{key} }}}}" for key in matrix_of(name, made))
        to = f"out/${{{{ row.id }}}}{keys}.png" if name in of_rows else "out/whole.png"
        recipe["outputs"][name] = {"image": f"steps.{name}", "to": to}
    return recipe


def write(folder: Path, recipe: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    (folder / "recipe.yaml").write_text(json.dumps(recipe))  # JSON is YAML
    lines = [json.dumps({"id": f"r{number}", **row}) for number, row in enumerate(rows)]
    (folder / "rows.jsonl").write_text("\n".join(lines))
