"""pick, take, freeze and thaw as commands, on the draft engine, with whole texts; and candidates at the emulator."""

import re
import subprocess

import pytest
from projects import WANFLOW, coded, gradient

RECIPE = """\
wanflow: 1
name: looks
manifest: {from: rows.csv}
steps:
  look:
    uses: wan/doodle
    image: row.photo
    candidates: 2
    with: {prompt: a house, is_sketch: false}
    pick: {by: hand}
  small: {uses: local/fit, image: steps.look, with: {max_side: 64}}
outputs:
  small: {image: steps.small, to: "out/${{ row.id }}.png"}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("looks")
    (folder / "looks.yaml").write_text(RECIPE)
    (folder / "rows.csv").write_text("id,photo\n0001,a.png\n0002,b.png\n")
    for seed, name in enumerate("ab"):
        (folder / f"{name}.png").write_bytes(coded(gradient(512, 512, seed)))
    (folder / "wanflow.toml").write_text("jobs = 1\n")
    return folder


def said(folder, *words, code=0):
    done = subprocess.run([*WANFLOW, *words], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    text = re.sub(r" in [0-9.]+ s\b", " in 0 s", done.stdout or done.stderr)
    return re.sub(r"[0-9.]+ MB|sharpness +[0-9,]+", lambda found: found.group().translate(_DIGITS), text)


_DIGITS = str.maketrans("0123456789", "0000000000")


def test_the_whole_way_from_candidates_to_files(folder):
    assert (
        said(folder, "run", "looks.yaml", code=4)
        == """\
looks: 2 done, 0 reused, 2 parked in 0 s
2 rows of look wait for a pick: wanflow pick looks.yaml
"""
    )
    listed = said(folder, "pick", "looks.yaml")
    assert (
        re.sub(r" +0[0,]* ", " 0 ", re.sub(r"sharpness +[0,]+", "sharpness 0", listed))
        == """\
looks: 2 picks open of 2 jobs with candidates

0001/look  open
  #1 512x512 0.0 MB  sharpness 0  .wanflow/candidates/looks/0001/look-1.png
  #2 512x512 0.0 MB  sharpness 0  .wanflow/candidates/looks/0001/look-2.png

0002/look  open
  #1 512x512 0.0 MB  sharpness 0  .wanflow/candidates/looks/0002/look-1.png
  #2 512x512 0.0 MB  sharpness 0  .wanflow/candidates/looks/0002/look-2.png

wanflow pick looks.yaml 0001/look#1 … chooses;
wanflow pick looks.yaml --sheet picks.html makes a page to choose in
""".replace("  #1 512x512 0.0", "  #1    512x512    0.0").replace("  #2 512x512 0.0", "  #2    512x512    0.0")
    )
