"""Local functions in recipes: one run of them all, reruns that do nothing, and mistakes told before anything runs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from projects import gradient, pixels_of, small_project, statuses

from wanflow.pixels import codec
from wanflow.pixels.engine import Picture

STEPS = (
    'part: {uses: local/crop, image: row.photo, with: {box: [0, "${{ 4 + 4 }}", 40, 30]}}',
    'square: {uses: local/pad, image: steps.part, with: {ratio: "1:1", fill: mirror}}',
    "mask: {uses: local/mask, image: steps.square, with: {box: [0, 0, 20, 40]}}",
    "turned: {uses: local/rotate, image: steps.square, with: {angle: 180}}",
    "over: {uses: local/composite, image: steps.square, images: [steps.turned], mask: steps.mask}",
    "both: {uses: local/compare, images: [steps.square, steps.over], with: {gap: 0}}",
    "large: {uses: local/resize, image: steps.both, with: {scale: 2}}",
    'named: {uses: local/label, image: steps.large, with: {text: "${{ row.id }}", at: below}}',
    "sheet: {uses: local/contact_sheet, images: [row.photo, steps.named], with: {captions: [photo, '${{ row.id }}']}}",
    "file: {uses: local/convert, image: steps.both, with: {format: jpeg, quality: 70}}",
)
OUTPUTS = ('file: {image: steps.file, to: "${{ row.id }}.jpg"}', 'both: {image: steps.both, to: "${{ row.id }}.png"}')


def test_every_local_function_runs_in_a_recipe_and_not_again(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p", steps=STEPS, outputs=OUTPUTS)
    planned = {decision.step: decision for decision in project.plan().entries[0].decisions}
    assert len(planned) == len(STEPS)
    record = project.run()
    assert set(statuses(record).values()) == {"done"} and len(record.outcomes) == 2 * len(STEPS)
    part = gradient(seed=1)[8:38, :40]
    square = np.concatenate([part[4::-1], part, part[: -5 - 1 : -1]])
    over = square.copy()
    over[:, :20] = square[::-1, ::-1][:, :20]
    assert (pixels_of((tmp_path / "p" / "1.png").read_bytes()) == np.concatenate([square, over], axis=1)).all()
    with Image.open(tmp_path / "p" / "1.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (80, 40))
    assert project.plan().nothing_to_do


def test_an_output_takes_a_converted_file_as_it_is(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p", steps=STEPS, outputs=OUTPUTS)
    project.run()
    blobs = {path.read_bytes() for path in project.store.glob("objects/*/*") if path.is_file()}
    assert (tmp_path / "p" / "1.jpg").read_bytes() in blobs


def test_a_made_mask_goes_where_a_mask_is_asked(tmp_path: Path) -> None:
    photo = Image.fromarray(gradient(520, 516))
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    steps = (
        "hole: {uses: local/mask, image: row.photo, with: {ellipse: [200, 200, 60, 50]}}",
        "gone: {uses: wan/description_edit_with_mask, image: row.photo, mask: steps.hole, with: {prompt: ''}}",
    )
    outputs = ('gone: {image: steps.gone, to: "${{ row.id }}.png"}',)
    project = small_project(tmp_path / "p", {"1.png": buffer.getvalue()}, steps=steps, outputs=outputs)
    assert statuses(project.run()) == {"1/hole": "done", "1/gone": "done"}
    changed = (pixels_of((tmp_path / "p" / "1.png").read_bytes()) != gradient(520, 516)).any(axis=2)
    assert changed.any() and not changed[:190].any() and not changed[:, 280:].any()


def told(folder: Path, step: str) -> list[str]:
    """The problems that a plan tells of one step over photographs of 64x48 px, without the line and the caret."""
    outputs = ("o: {image: row.photo, to: o.png}",)
    project = small_project(folder / "p", {"1.png": PHOTO}, steps=(f"s: {step}",), outputs=outputs)
    done = project.command("check", "r.yaml")
    assert done.returncode == 65 and "Traceback" not in done.stderr
    return [
        line.strip() for line in done.stderr.splitlines() if line.startswith(("r.yaml", "    ")) and "^" not in line
    ]


PHOTO = codec.encode(Picture(gradient()))


@pytest.mark.parametrize(
    ("step", "place", "said", "remedy"),
    [
        (
            "{uses: local/crop, image: row.photo, with: {box: [0, 0, 65, 5]}}",
            "5:55",
            "box ends at 65 px, but the picture's width is 64 px [outside]",
            "x, y, width, height are pixels of this step's image; mind its right edge.",
        ),
        (
            "{uses: local/crop, image: row.photo, with: {box: [0, 0, 5, 5], ratio: '1:1'}}",
            "5:49",
            "with takes exactly one of these: box; ratio; width or height. Got box and ratio [combination]",
            "",
        ),
        (
            "{uses: local/crop, image: row.photo, with: {box: [0, 0, 0, 5]}}",
            "5:62",
            "box must be between 1 and 16384, got 0 [range]",
            "",
        ),
        (
            "{uses: local/crop, image: row.photo, with: {box: [0, 0, 5]}}",
            "5:55",
            "box takes 4 values, got 3 [length]",
            "",
        ),
        (
            '{uses: local/crop, image: row.photo, with: {box: [0, 0, "${{ row.id }}", 5]}}',
            "5:62",
            'box[2] must be a whole number, got "1" [type]',
            "This is text: leave out the quotes, or give its column a type with types:.",
        ),
        (
            "{uses: local/crop, image: row.photo, with: {ratio: '1:1', gravity: north}}",
            "5:73",
            'gravity: "north" is not known [choice]',
            "Did you mean top?",
        ),
        (
            "{uses: local/label, image: row.photo, with: {text: ねこ}}",
            "5:57",
            "text: the fonts have no ね (U+306D), こ (U+3053) [letters]",
            "They cover Latin, Greek, Cyrillic and 4000 Chinese characters; leave the others out.",
        ),
        (
            "{uses: local/convert, image: row.photo, with: {format: png, quality: 80}}",
            "5:75",
            "png is lossless and has no quality [combination]",
            "Leave quality out, or take jpeg or webp.",
        ),
        (
            "{uses: local/mask, image: row.photo, with: {from_image: 80}}",
            "5:62",
            "from_image needs a picture to read, and there is no mask: [combination]",
            "Name it as mask: row.COLUMN, steps.ID or file:PATH; to look at the image itself, use threshold.",
        ),
        (
            "{uses: local/pad, image: row.photo, with: {ratio: '1:1', color: pink}}",
            "5:70",
            'color must be like #ffcc00 or white, got "pink" [pattern]',
            "",
        ),
        (
            "{uses: local/contact_sheet, images: [row.photo], with: {cell_width: 2048, captions: [a, b]}}",
            "5:90",
            "captions has 2 texts for 1 image [length]",
            'Give one a picture, in their order; "" for none.',
        ),
        (
            "{uses: local/compare, images: [row.photo]}",
            "5:36",
            "images takes at least 2, got 1 [length]",
            "",
        ),
        (
            "{uses: montage, images: [row.photo]}",
            "5:13",
            'uses: "montage" is not known [choice]',
            "Did you mean local/contact_sheet?",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_to_do(
    step: str, place: str, said: str, remedy: str, tmp_path: Path
) -> None:
    lines = told(tmp_path, step)
    assert [line for line in lines if line.startswith("r.yaml")] == [f"r.yaml:{place}: {said}"]
    assert not remedy or remedy in lines


def test_an_unquoted_colour_is_told_from_a_comment(tmp_path: Path) -> None:
    lines = told(tmp_path, "{uses: local/pad, image: row.photo, with: {left: 1, color:  #ff0000\n}}")
    assert "What follows # is a comment unless it is in quotes." in lines


def test_too_large_a_sheet_is_refused_before_anything_runs(tmp_path: Path) -> None:
    images = ", ".join(["row.photo"] * 100)
    lines = told(
        tmp_path, f"{{uses: local/contact_sheet, images: [{images}], with: {{cell_width: 2048, cell_height: 2048}}}}"
    )
    assert any("at most 120 million are made" in line for line in lines)


def test_a_bypassed_step_hands_its_image_on(tmp_path: Path) -> None:
    step = (
        "logo: {uses: local/composite, image: row.photo, images: [row.photo], when: row.id == '2', otherwise: bypass}"
    )
    output = 'l: {image: steps.logo, to: "${{ row.id }}.png"}'
    project = small_project(tmp_path / "p", steps=(step,), outputs=(output,))
    assert statuses(project.run()) == {"1/logo": "skipped", "2/logo": "done"}
    assert (pixels_of((tmp_path / "p" / "1.png").read_bytes()) == gradient(seed=1)).all()
