"""Texts that may be recipes: read, parsed and built; the problems are drawn as people and programs see them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import mutations

from wanflow.documents.source import decode_text, parse
from wanflow.errors import RecipeError
from wanflow.language.build import build
from wanflow.language.expand import Expansion
from wanflow.language.library import Library
from wanflow.manifests.reach import Reach

SEEDS = (
    """wanflow: 1
name: small
params: {upscale: {type: integer, minimum: 1, maximum: 4, default: 2}, look: {type: string, pattern: "^[a-z]+$", default: red}}
manifest: {from: photos.csv, key: id, types: {year: integer}, where: row.status != "skip", schema: row.json}
defaults: {model: wanx2.1-imageedit, seed: 7}
budget: 5.00
steps:
  prep: {uses: local/fit, image: row.photo, with: {min_side: 512, max_side: 1024}}
  colorize:
    uses: wan/colorization
    image: steps.prep
    when: row.year < 1965 and params.upscale > 1
    otherwise: bypass
    with: {prompt: '${{ row.colours | default("") }}'}
  look: {uses: wan/stylization_all, image: steps.colorize, with: {prompt: "Make it ${{ params.look | upper }}", strength: 0.4}}
  cut: {uses: wan/description_edit_with_mask, image: steps.look, mask: file:mask.png, with: {prompt: x}}
  two: {uses: wan/i2i, images: [steps.look, row.photo], model: wan2.5-i2i-preview, with: {prompt: both}}
  hinted: {uses: wan/stylization_local, image: row.photo, hint: {region: [1, 2, "${{ row.w }}", 4]}, with: {prompt: ice}}
outputs:
  master: {image: steps.cut, to: "out/${{ row.id }}/master.png"}
  web: {image: steps.look, to: "out/${{ row.id | slug }}.jpg", quality: 80}
""",
    """wanflow: 1
params: {word: {type: string, default: red}, logo: {type: string, default: a.png}}
inputs: {photo: {default: row.photo}, all: {default: file:b.png}}
steps:
  own: {uses: ./used.yaml, image: inputs.photo, matrix: {a: [1, 2]}, with: {word: "${{ matrix.a }} ${{ params.word }}"}}
  two: {uses: ./used.yaml, inputs: {photo: steps.own@1.own}, when: row.x == "1", otherwise: bypass}
  sheet: {uses: local/contact_sheet, images: [steps.two.master.all, steps.two.master@0.1.all], per: run}
outputs:
  master: {image: steps.two.master, to: "${{ row.id }}-${{ matrix.scale }}.png"}
  sheet: {image: steps.sheet, to: sheet.png}
""",
    "a: &a [1, 2]\nb: *a\nc: {<<: *a}\n",
    "wanflow: 1\nsteps:\n  a: {uses: wan/t2i, with: {prompt: x, size: 1024*1024}}\noutputs: {a: {image: steps.a, to: a.png}}\n",
)  # fmt: skip
USED = """wanflow: 1
params: {word: {type: string, maxLength: 9, default: red}, logo: {type: string, default: a.png}}
inputs: {photo: {}}
steps:
  a: {uses: wan/colorization, image: inputs.photo, when: params.word == "red", with: {prompt: "${{ params.word }}"}}
  b: {uses: local/composite, image: steps.a, images: [params.logo], matrix: {scale: [0.1, 0.2]}, with: {scale: "${{ matrix.scale }}"}}
outputs: {master: {image: steps.b}, own: {image: inputs.photo}}
"""
WORDS = (
    *("steps:", "steps.prep", "row.photo", "params.upscale", "file:x.png", "uses: ", "wan/expand", "local/fit", "with:"),
    *("image: ", "images: [", "mask: ", "when: ", "otherwise: bypass", "hint: {mask: row.m}", "outputs:", "manifest:"),
    *("${{ row.x }}", "${{ params.look }}", "${{ 1 / 0 }}", "type: string", "pattern: (a+)+$", "enum: [1, a]", "default: 1"),
    *("uses: ./r.yaml", "inputs.photo", "inputs: {photo: row.photo}", "steps.own@1.master.all", "../", ".all"),
    *("&a ", "*a", "  ", "\n  ", "\n", ": ", "- ", ", "),
)  # fmt: skip


def cases(random: Random) -> Iterator[bytes]:
    """Recipes, mostly broken."""
    while True:
        whole = mutations.text(random, random.choice(SEEDS), WORDS).encode("utf-8", "surrogatepass")
        yield mutations.raw(random, whole) if random.random() < 0.1 else whole


def probe(raw: bytes) -> None:
    """Raises RecipeError with all that is wrong. In its folder is a recipe that it may use, and it itself."""
    text = decode_text(raw, "r.yaml")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "r.yaml").resolve()
        file.write_bytes(raw)
        file.with_name("used.yaml").write_text(USED)
        recipe, problems = build(parse(text, "r.yaml"), file, {}, Library(Reach([file.parent]), file.parent))
    problems += Expansion(recipe).problems
    json.dumps([problem.json() for problem in problems])
    if problems:
        raise RecipeError(problems)
