from pathlib import Path

import pytest
from PIL import Image

from wanflow import api
from wanflow.errors import UsageError
from wanflow.starter import create


def test_new_project_tells_what_to_do_next(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "archive"
    assert list(create(folder)) == [
        f"{folder}: restore.yaml, photos.csv, photos/",
        "Next:",
        f"  cd {folder}",
        "  wanflow plan restore.yaml",
        "  wanflow run restore.yaml",
    ]


def test_new_project_plans_every_step_of_every_row(tmp_path: Path) -> None:
    list(create(tmp_path))
    plan = api.check(tmp_path / "restore.yaml")
    assert plan.problems == []
    assert plan.totals.jobs == 4 * len(plan.steps)
    assert plan.totals.run + plan.totals.later + plan.totals.skip == plan.totals.jobs


def test_settings_of_a_new_project_are_the_defaults(tmp_path: Path) -> None:
    list(create(tmp_path))
    project = api.open_project(tmp_path / "restore.yaml", api.Options(), tmp_path)
    assert (project.root, project.backend, project.out) == (tmp_path, "draft", tmp_path)


@pytest.mark.parametrize("name", ["restore.yaml", "photos.csv", "wanflow.toml", ".gitignore"])
def test_nothing_that_stands_there_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError) as caught:
        list(create(tmp_path))
    assert str(caught.value) == f"{tmp_path} already holds {name}; choose another folder"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_second_init_is_refused_with_everything_it_found(tmp_path: Path) -> None:
    list(create(tmp_path))
    with pytest.raises(UsageError, match=r"already holds restore\.yaml, photos\.csv"):
        list(create(tmp_path))


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    list(create(tmp_path))
    assert (tmp_path / "restore.yaml").exists()


def test_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("mine")
    with pytest.raises(UsageError) as caught:
        list(create(tmp_path / "archive"))
    assert str(caught.value) == f"{tmp_path / 'archive'} is a file; choose another folder"


def photographs(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        Image.new("L", (600, 600), 90).save(folder / name)
    return folder


def test_a_project_of_ones_own_photographs_has_a_row_of_each(tmp_path: Path) -> None:
    scans = photographs(tmp_path / "scans", "b.png", "a.JPG")
    (scans / "notes.txt").write_text("mine")
    (scans / ".hidden.png").write_text("not one")
    (scans / "more").mkdir()
    told = list(create(tmp_path / "new", scans))
    assert told[0] == f"{tmp_path / 'new'}: photos.yaml, photos/ (photographs copied: 2; other files left out: 1)"
    assert told[-1] == "  wanflow run photos.yaml"
    plan = api.check(tmp_path / "new" / "photos.yaml")
    assert (plan.problems, [row.key for row in plan.rows]) == ([], ["a", "b"])
    assert plan.totals.run + plan.totals.later == 2 * 3 + 1
    assert sorted(path.name for path in scans.iterdir()) == [".hidden.png", "a.JPG", "b.png", "more", "notes.txt"]


def test_a_folder_without_photographs_makes_no_project(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    with pytest.raises(UsageError, match="holds no photographs"):
        list(create(tmp_path / "new", tmp_path / "scans"))
    with pytest.raises(UsageError, match="No such file or directory; --from takes a folder"):
        list(create(tmp_path / "new", tmp_path / "nowhere"))
    assert not (tmp_path / "new").exists()
