"""Rules that pick: sharpest, most similar, and scorers that are installed."""

import importlib
import io
import sys

import cv2
import numpy as np
import pytest
from choosers import Project
from PIL import Image

from wanflow.errors import EditError
from wanflow.judging.measures import Measures
from wanflow.judging.pickers import Pickers
from wanflow.model import Action
from wanflow.pictures.images import describe
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index

SCORER = """\
from pathlib import Path
asked = []
def score(path):
    asked.append(path)
    return Path(path).stat().st_size % 997
def fail(path):
    raise OSError("no model here")
def strange(path):
    return float("nan")
"""


@pytest.fixture
def scorers(tmp_path, monkeypatch):
    """A package with scorers, as pip installs it."""
    site = tmp_path / "site"
    (site / "pretty-1.2.dist-info").mkdir(parents=True)
    (site / "pretty.py").write_text(SCORER)
    (site / "pretty-1.2.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: pretty\nVersion: 1.2\n")
    points = ["pretty = pretty:score", "faulty = pretty:fail", "strange = pretty:strange", "gone = pretty:gone"]
    (site / "pretty-1.2.dist-info" / "entry_points.txt").write_text("\n".join(["[wanflow.scorers]", *points]))
    monkeypatch.syspath_prepend(str(site))
    yield importlib.import_module("pretty")
    del sys.modules["pretty"]


def stored(blobs, pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    blobs.put(buffer.getvalue())
    return describe(buffer.getvalue())


@pytest.fixture
def pictures(tmp_path):
    """A store with a picture, the same blurred a little, and blurred much."""
    blobs = Blobs(tmp_path / ".wanflow")
    pixels = np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    pixels = cv2.resize(cv2.GaussianBlur(pixels, (0, 0), 3), (512, 512))
    return blobs, [stored(blobs, cv2.GaussianBlur(pixels, (0, 0), width)) for width in (0.1, 3, 9)]


def test_the_sharpest_is_first(pictures):
    blobs, (sharp, soft, blurred) = pictures
    index = Index.memory()
    pickers = Pickers(index, Measures(index, blobs))
    assert pickers.ordered("sharpest", [blurred, sharp, soft], None) == [sharp, soft, blurred]
    assert pickers.ordered("first", [blurred, sharp], None) == [blurred, sharp]


def test_the_most_similar_is_first(pictures):
    blobs, (sharp, soft, blurred) = pictures
    index = Index.memory()
    pickers = Pickers(index, Measures(index, blobs))
    assert pickers.ordered("most_similar", [blurred, soft], sharp) == [soft, blurred]


def test_an_installed_scorer_picks_and_is_asked_once(tmp_path, scorers):
    project = Project(tmp_path, rows=1)
    project.clean["pick"] = {"by": "pretty"}
    project.clean["with"]["prompt"] = "clean"
    assert len(project.run()) == 3
    asked = len(scorers.asked)
    sizes = [path.stat().st_size % 997 for path in scorers.asked]
    assert asked == 3
    best = scorers.asked[sizes.index(max(sizes))].name
    [detail] = [call for call in project.fakery.asked if call.function == "wan/super_resolution"]
    assert detail.inputs["image"][1] == best
    assert project.run() == []
    assert project.jobs(every_row=True)["0001/clean"].chosen.pictures[0].sha256 == best
    assert len(scorers.asked) == asked


def test_another_version_of_a_scorer_is_asked_again(tmp_path, scorers):
    project = Project(tmp_path, rows=1)
    project.clean["pick"] = {"by": "pretty"}
    project.run()
    metadata = tmp_path / "site" / "pretty-1.2.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.2", "1.3"))
    project.run()
    assert len(scorers.asked) == 6


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("faulty", "the scorer faulty failed on a candidate: OSError: no model here"),
        ("strange", "the scorer strange gave nan for a candidate, which is no score"),
    ],
)
def test_a_scorer_that_fails_fails_its_job_and_costs_nothing_again(tmp_path, scorers, name, said):
    project = Project(tmp_path, rows=1)
    project.clean["pick"] = {"by": name}
    project.run()
    [failed] = [outcome for outcome in project.record.outcomes if outcome.error_code == "ScorerFailed"]
    assert (failed.job, failed.error_message) == ("0001/clean", f"{said}. Mend it, or pick by hand")
    plan = project.plan()
    assert [problem.message for problem in plan.problems] == [said]
    assert not [decision for _, decision in plan.decisions() if decision.action is Action.RUN]
    project.clean["pick"] = {"by": "first"}
    assert project.run() == ["0001/detail", "0001/wide"]


def test_a_scorer_that_can_not_be_loaded_is_told(tmp_path, scorers):
    index = Index.memory()
    with pytest.raises(EditError, match="the scorer gone can't be loaded: AttributeError"):
        Pickers(index, Measures(index, Blobs(tmp_path))).version("gone")
