"""`wanflow schema --install`: what it adds, and that it adds nothing else."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wanflow.cli import main
from wanflow.documents.schemas import load
from wanflow.editors import merged

RECIPE = "wanflow: 1\nsteps: {a: {uses: local/fit, image: file:a.png, with: {max_side: 5}}}\n"
MODELINE = "# yaml-language-server: $schema=schemas/recipe.schema.json"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "r.yaml").write_text(RECIPE)
    (tmp_path / "picks").mkdir()
    (tmp_path / "picks/r.yaml").write_text("wanflow: 1\nrecipe: r.yaml\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def install(*words: str) -> list[str]:
    result = CliRunner().invoke(main, ["schema", "--install", *words])
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def test_the_first_line_of_each_recipe_names_the_schema_that_lies_in_the_project(project: Path) -> None:
    (project / "parts").mkdir()
    (project / "parts/p.yaml").write_text(RECIPE)
    (project / "wanflow.toml").write_text("jobs = 2\n")
    install()
    assert (project / "r.yaml").read_text() == f"{MODELINE}\n{RECIPE}"
    assert (project / "parts/p.yaml").read_text() == f"{MODELINE.replace('=', '=../')}\n{RECIPE}"
    assert (project / "wanflow.toml").read_text() == "#:schema schemas/settings.schema.json\njobs = 2\n"
    assert json.loads((project / "schemas/recipe.schema.json").read_text()) == load("recipe.schema.json")
    assert (project / "picks/r.yaml").read_text() == "wanflow: 1\nrecipe: r.yaml\n"


@pytest.mark.parametrize("way", ["--modeline", "--vscode"])
def test_a_second_time_changes_nothing(project: Path, way: str) -> None:
    install(way)
    before = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    assert "already" in install(way)[-1]
    assert {file: file.read_bytes() for file in project.rglob("*") if file.is_file()} == before


def test_a_byte_order_mark_line_ends_and_permissions_stay(project: Path) -> None:
    windows = RECIPE.replace("\n", "\r\n").encode()
    file = project / "r.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + windows)
    file.chmod(0o640)
    install()
    install()
    assert file.read_bytes() == b"\xef\xbb\xbf" + MODELINE.encode() + b"\r\n" + windows
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_recipe_that_is_a_link_stays_one(project: Path) -> None:
    (project / "link.yaml").symlink_to("r.yaml")
    install("link.yaml")
    assert (project / "link.yaml").is_symlink()
    assert (project / "r.yaml").read_text().startswith(MODELINE)


def test_a_schema_that_a_recipe_names_already_is_brought_up_to_date(project: Path) -> None:
    (project / "old.json").write_text("{}")
    (project / "r.yaml").write_text(f"# yaml-language-server: $schema=https://example.org/r.json\n{RECIPE}")
    (project / "s.yaml").write_text(f"# $schema: recipe.schema.json\n{RECIPE}")
    stale = {**load("recipe.schema.json"), "title": "of an older wanflow"}
    (project / "recipe.schema.json").write_text(json.dumps(stale))
    assert install()[1:] == [
        "r.yaml names https://example.org/r.json already",
        "s.yaml names recipe.schema.json already",
    ]
    assert json.loads((project / "recipe.schema.json").read_text()) == load("recipe.schema.json")


def test_a_file_of_that_name_that_is_not_ours_is_kept(project: Path) -> None:
    (project / "schemas").mkdir()
    (project / "schemas/recipe.schema.json").write_text('{"title": "soups"}')
    result = CliRunner().invoke(main, ["schema", "--install"])
    assert result.exit_code == 64
    assert "schemas/recipe.schema.json is no schema of wanflow's" in result.stderr
    assert (project / "r.yaml").read_text() == RECIPE


def test_where_there_is_a_vscode_folder_its_settings_name_the_schema(project: Path) -> None:
    (project / ".vscode").mkdir()
    install()
    settings = json.loads((project / ".vscode/settings.json").read_text())
    assert settings["yaml.schemas"] == {
        "schemas/recipe.schema.json": ["r.yaml"],
        "schemas/picks.schema.json": ["picks/*.yaml"],
    }
    assert (project / "r.yaml").read_text() == RECIPE


WANTED = {"schemas/recipe.schema.json": ["r.yaml"]}


@pytest.mark.parametrize("indent", ["  ", "    ", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_settings_stay_as_they_are(indent: str, end: str) -> None:
    others = {"editor.rulers": [80, 120], "yaml.schemas": {"other.json": "x.yaml"}, "größe": 1}
    before = json.dumps(others, indent=indent, ensure_ascii=False).replace("\n", end) + end
    after = merged(before.encode(), WANTED)
    others["yaml.schemas"] |= WANTED
    assert after == (json.dumps(others, indent=indent, ensure_ascii=False).replace("\n", end) + end).encode()
    assert merged(after, WANTED) == after


@pytest.mark.parametrize(
    "text", ['{\n  // mine\n  "a": 1\n}\n', '{"a": 1,}', '{"a": [1, 2]}\n', "[]", '{"yaml.schemas": 3}', "\xff"]
)
def test_settings_that_would_lose_something_are_not_touched(text: str) -> None:
    assert merged(text.encode("latin-1"), WANTED) is None


def test_what_to_add_is_told_where_settings_have_comments(project: Path) -> None:
    (project / ".vscode").mkdir()
    (project / ".vscode/settings.json").write_text("{\n  // mine\n}\n")
    said = install()
    assert said[1] == ".vscode/settings.json has comments or a layout that would be lost; add to it:"
    assert json.loads("\n".join(said[2:]))["yaml.schemas"]["schemas/recipe.schema.json"] == ["r.yaml"]
    assert (project / ".vscode/settings.json").read_text() == "{\n  // mine\n}\n"


def test_a_place_without_recipes_is_a_usage_error(project: Path) -> None:
    for words in (["schema", "--install", "picks"], ["schema", "a", "b"], ["schema", "--vscode"]):
        assert CliRunner().invoke(main, words).exit_code == 64
