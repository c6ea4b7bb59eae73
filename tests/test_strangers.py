"""A project from a stranger: what it may read and write, and that nothing of it moves a terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from projects import Heard, Small, photo, small_project

from wanflow.errors import Problem, RecipeError, UsageError, inline
from wanflow.links.networks import is_public
from wanflow.manifests import globs
from wanflow.store.blobs import Blobs

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and devices are made as POSIX has them")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project beside which a picture lies that is none of its business."""
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "secret.png").write_bytes(photo(9))
    (tmp_path / "private" / "rows.csv").write_text("id,photo\nx,secret.png\n")
    made = small_project(tmp_path / "project")
    monkeypatch.chdir(made.folder)
    return made


def rows(project: Small, *photos: str) -> None:
    lines = [json.dumps({"id": f"r{number}", "photo": name}) for number, name in enumerate(photos)]
    (project.folder / "photos.jsonl").write_text("\n".join(lines))
    project.recipe.write_text(project.recipe.read_text().replace("photos.csv", "photos.jsonl"))


def manifest(project: Small, source: str) -> None:
    project.recipe.write_text(project.recipe.read_text().replace("from: photos.csv", f"from: {json.dumps(source)}"))


def problems(project: Small, **options: object) -> list[Problem]:
    try:
        return project.plan(**options).problems
    except RecipeError as error:
        return error.problems


def rules(project: Small, **options: object) -> list[str]:
    return [problem.rule for problem in problems(project, **options)]


# -- reading


def test_a_picture_beyond_the_project_is_not_read(project: Small) -> None:
    (project.folder / "link.png").symlink_to("../private/secret.png")
    (project.folder / "folder").symlink_to("../private")
    beyond = [
        "../private/secret.png",
        str(project.folder.parent / "private/secret.png"),
        "link.png",
        "folder/secret.png",
    ]
    rows(project, *beyond, "folder/../private/secret.png", "photos/1.png")
    assert rules(project) == ["out-of-reach"] * 5


def test_what_is_beyond_may_be_allowed(project: Small) -> None:
    rows(project, "../private/secret.png")
    assert rules(project, allow_paths=[Path("../private")]) == []


def test_whether_a_file_exists_beyond_the_project_is_not_told(project: Small) -> None:
    rows(project, "../private/secret.png", "../private/absent.png")
    said = [problem.message.replace("absent", "secret") for problem in problems(project)]
    assert said[0] == said[1]


def test_no_manifest_and_no_schema_from_beyond(project: Small) -> None:
    manifest(project, "../private/rows.csv")
    assert rules(project) == ["out-of-reach"]
    text = project.recipe.read_text().replace("key: id", "key: id, schema: /etc/passwd")
    project.recipe.write_text(text)
    assert rules(project) == ["out-of-reach"] * 2


def test_the_user_s_own_manifest_may_lie_anywhere(project: Small) -> None:
    assert rules(project, manifest=Path("../private/rows.csv")) == []


@pytest.mark.parametrize(
    "pattern", ["../private/*.png", "/**/*.png", "*/../../private/*.png", "../**/*.png", "~/*.png"]
)
def test_a_glob_does_not_search_beyond(project: Small, pattern: str) -> None:
    manifest(project, pattern)
    assert rules(project)
    assert not any("secret" in str(problem) for problem in problems(project))


def test_a_glob_of_links_in_circles_ends(project: Small) -> None:
    for number in range(8):
        (project.folder / "photos" / f"loop{number}").symlink_to(".")
    manifest(project, "*/*/*/*/*/*/*/*/*/*.png")
    project.recipe.write_text(project.recipe.read_text().replace(", key: id", ""))
    assert {problem.path.count("/") for problem in problems(project)} <= {0, 9}


def test_a_glob_finds_each_file_once_and_follows_links_within_the_project(project: Small) -> None:
    (project.folder / "more").mkdir()
    (project.folder / "more" / "scans").symlink_to("../photos")
    found = {
        pattern: sorted(globs.find(project.folder, pattern, lambda folder: True))
        for pattern in ("**/[12].p?g", "*/*/1.png", "photos/1.png", "more/scans/*", "./photos//*.png", "**/**/2.png")
    }
    assert found == {
        "**/[12].p?g": ["photos/1.png", "photos/2.png"],
        "*/*/1.png": ["more/scans/1.png"],
        "photos/1.png": ["photos/1.png"],
        "more/scans/*": ["more/scans/1.png", "more/scans/2.png"],
        "./photos//*.png": ["photos/1.png", "photos/2.png"],
        "**/**/2.png": ["photos/2.png"],
    }


def test_a_home_folder_is_no_project_by_itself(project: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project.folder.parent))
    (project.folder.parent / ".wanflow").mkdir()
    (project.folder / "wanflow.toml").unlink()
    rows(project, "../private/secret.png")
    assert rules(project) == ["out-of-reach"]


@pytest.mark.parametrize("name", ["photos/pipe", "photos/zero.png", "photos/full.png"])
def test_what_is_no_file_is_not_opened(project: Small, name: str) -> None:
    os.mkfifo(project.folder / "photos/pipe")
    (project.folder / "photos/zero.png").symlink_to("/dev/zero")
    (project.folder / "photos/full.png").symlink_to("/proc/self/mem")
    rows(project, name)
    assert rules(project, allow_paths=[Path("/")]) in (["image-unreadable"], ["image-missing"])


@pytest.mark.parametrize("name", ["wanflow.toml", "photos.csv", "r.yaml"])
def test_a_pipe_in_the_place_of_a_text_does_not_hang(project: Small, name: str) -> None:
    (project.folder / name).unlink()
    (project.folder / ".wanflow").mkdir()
    os.mkfifo(project.folder / name)
    with pytest.raises((RecipeError, UsageError), match="not a regular file"):
        project.plan()


# -- writing


def test_nothing_is_written_through_a_link_that_leads_out(project: Small) -> None:
    (project.folder / "out").symlink_to("../private")
    assert rules(project) == ["output-path"] * 2
    assert sorted(path.name for path in (project.folder.parent / "private").iterdir()) == ["rows.csv", "secret.png"]


def test_the_user_s_own_output_folder_may_lie_anywhere(project: Small) -> None:
    project.run(out=Path("../elsewhere"))
    assert (project.folder.parent / "elsewhere/out/1.png").is_file()


def test_a_project_can_not_set_an_output_folder_beyond_itself(project: Small) -> None:
    (project.folder / "wanflow.toml").write_text('out = "../private"\n')
    assert rules(project) == ["output-path"] * 2


def test_an_output_that_is_a_link_is_replaced_not_followed(project: Small) -> None:
    (project.folder / "out").mkdir()
    secret = project.folder.parent / "private/secret.png"
    (project.folder / "out/1.png").symlink_to(secret)
    before = secret.read_bytes()
    project.run(Heard())
    assert secret.read_bytes() == before
    assert not (project.folder / "out/1.png").is_symlink()


@pytest.mark.parametrize("name", [".wanflow", ".wanflow/objects", ".wanflow/objects/ab", ".wanflow/runs"])
def test_a_store_that_leads_out_is_refused(project: Small, name: str) -> None:
    link = project.folder / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(project.folder.parent / "private")
    with pytest.raises(UsageError, match=r"--allow-path .*/private$"):
        project.plan()


def test_a_digest_that_is_a_path_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"x")
    blobs = Blobs(tmp_path / ".wanflow")
    blobs.discard("../../photo.png")
    assert (tmp_path / "photo.png").exists()
    assert blobs.fault("../../photo.png") == "missing"


# -- what is shown


SPOILT = "\x1b[2J\x9b31m\u202egnp\u2066\r\n2 problems\x7f\x07"


def test_no_row_moves_the_terminal_or_adds_a_line(project: Small) -> None:
    rows(project, f"photos/{SPOILT}.png")
    project.recipe.write_text(project.recipe.read_text())
    for form in ("text", "json"):
        done = project.command("plan", "r.yaml", "--format", form)
        shown = done.stdout + done.stderr
        assert "gnp" in shown
        assert all(char.isprintable() or char == "\n" for char in shown)
        assert "\n2 problems" not in shown
    told = json.loads(project.command("plan", "r.yaml", "--format", "json").stdout)
    assert SPOILT in told["problems"][0]["message"]


def test_a_line_end_stands_escaped() -> None:
    assert inline("a\n\x1b[0m") == "a\\n\\x1b[0m"


# -- where pictures come from


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "10.0.0.1", "169.254.169.254", "100.64.0.1"),
        *(
            "[::1]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[fe80::1]",
            "[fd00::1]",
            "[2002:7f00:1::]",
            "0",
            "[64:ff9b::7f00:1]",
            "[::7f00:1]",
            "224.0.0.1",
        ),
        *(
            "localhost",
            "a.localhost",
            "LOCALHOST.",
            "printer",
            "nas.local",
            "metadata.google.internal",
            "localhost.localdomain",
            "localhost6.localdomain6",
        ),
    ],
)
def test_an_address_of_ones_own_is_not_public(host: str) -> None:
    assert not is_public(f"http://{host}:80/x")


@pytest.mark.parametrize(
    "host", ["dashscope-result-bj.oss-cn-beijing.aliyuncs.com", "8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]"]
)
def test_an_address_of_the_internet_is(host: str) -> None:
    assert is_public(f"https://{host}/x")
