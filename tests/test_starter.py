from pathlib import Path

import pytest

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
