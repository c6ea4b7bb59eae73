"""Two versions of a project are held against each other by what they ask for, and a repository is never trusted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import picture
from reviewed import Reviewed, reviewed_project

from wanflow.cli import main
from wanflow.errors import UsageError
from wanflow.language.selection import Wish
from wanflow.planning.versions import Comparison
from wanflow.reviewing import diff
from wanflow.revisions import Revision, is_plain
from wanflow.telling.difftext import diff_json, diff_markdown, diff_text


def git(folder: Path, *words: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env=own | names, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    """A project in a repository whose first commit is HEAD."""
    project = reviewed_project(tmp_path / "repo" / "p")
    (tmp_path / "repo" / "README").write_text("beside the project\n")
    git(tmp_path / "repo", "init", "-q")
    git(tmp_path / "repo", "add", ".")
    git(tmp_path / "repo", "commit", "-q", "-m", "begin")
    monkeypatch.chdir(project.folder)
    return project


@pytest.fixture(autouse=True)
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir(exist_ok=True)
    return tmp_path / "repo"


def compared(project: Reviewed, against: str = "HEAD") -> Comparison:
    return diff(project.recipe, against, project.options())[1]


def jobs(found: Comparison, kind: str) -> list[str]:
    return [one.job for one in found.of(kind)]


def test_another_layout_is_no_change(project: Reviewed) -> None:
    project.change("manifest: {from: photos.csv}", "# rows\nmanifest:\n  from: photos.csv")
    project.change("name: archive\n", "")
    project.change("wanflow: 1\n", "wanflow: 1\nname: archive\n")
    assert diff_text(compared(project)) == "archive against HEAD: no change in requests"


def test_a_prompt_that_changed_is_told_with_what_follows_and_what_it_costs(project: Reviewed) -> None:
    project.change("green hills", "red hills", "photos.csv")
    assert diff_text(compared(project)) == (
        "archive against HEAD: 1 changed, 2 made of what changed, 6 the same; costs $0.0488\n"
        "\n"
        '  0002/colour: prompt: "green hills" → "red hills"'
    )


def test_what_is_stored_already_costs_nothing(project: Reviewed) -> None:
    project.change("green hills", "red hills", "photos.csv")
    project.run()
    assert diff_text(compared(project)).splitlines()[0].endswith("; costs $0.00, 3 stored already")


def test_rows_and_steps_that_come_and_go_are_told(project: Reviewed) -> None:
    project.change("0003,c.png,a red house\n", "0004,c.png,a blue house\n", "photos.csv")
    found = compared(project)
    assert jobs(found, "new") == ["0004/colour", "0004/fused", "0004/small"]
    assert jobs(found, "gone") == ["0003/colour", "0003/fused", "0003/small"]
    assert "  0004/colour: new" in diff_text(found)
    assert "  0003/small: gone" in diff_text(found)


def test_a_renamed_step_asks_for_the_same(project: Reviewed) -> None:
    project.change("colour: {uses", "tint: {uses")
    project.change("[steps.colour]", "[steps.tint]")
    assert diff_text(compared(project)) == "archive against HEAD: no change in requests; 3 jobs renamed"


def test_another_photo_is_a_change_of_its_row_alone(project: Reviewed) -> None:
    (project.folder / "b.png").write_bytes(picture("another"))
    found = compared(project)
    assert jobs(found, "changed") == ["0002/colour"]
    assert jobs(found, "follows") == ["0002/fused", "0002/small"]
    (change,) = found.of("changed")[0].changes
    assert change.field == "image"


def test_photos_that_git_does_not_have_are_taken_as_they_are(project: Reviewed, repo: Path) -> None:
    git(repo, "rm", "-q", "--cached", "p/a.png", "p/b.png", "p/c.png")
    git(repo, "commit", "-q", "-m", "photos lie elsewhere")
    assert compared(project).differences == ()


def test_photos_of_a_glob_that_git_does_not_have_were_there_before(project: Reviewed, repo: Path) -> None:
    project.change("manifest: {from: photos.csv}", 'manifest: {from: "*.png"}')
    project.change("row.photo", "row.path")
    project.change("${{ row.colours }}", "blue")
    project.change("row.id", "row.stem")
    git(repo, "rm", "-q", "--cached", "p/a.png", "p/b.png")
    git(repo, "commit", "-q", "-a", "-m", "by glob")
    (project.folder / "d.png").write_bytes(picture("d"))
    git(repo, "add", "p/d.png")
    found = compared(project)
    assert jobs(found, "new") == ["d/colour", "d/fused", "d/small"]
    assert (found.same, jobs(found, "gone")) == (9, [])


def test_a_pick_that_changed_is_told_with_its_step(project: Reviewed, repo: Path) -> None:
    project.change('with: {prompt: "${{ row.colours }}"}}', 'candidates: 2, pick: {by: hand}, with: {prompt: "x"}}')
    one, other = "1" * 64, "2" * 64
    for digest in (one, other):
        (project.folder / "picks").mkdir(exist_ok=True)
        (project.folder / "picks" / "archive.yaml").write_text(
            f'wanflow: 1\nrecipe: r.yaml\npicks:\n  - {{row: "0001", step: colour, sha256: "{digest}"}}\n'
        )
        if digest == one:
            git(repo, "add", ".")
            git(repo, "commit", "-q", "-m", "picked")
    found = compared(project)
    assert jobs(found, "changed") == ["0001/fused", "0001/small"]
    assert str(found.of("changed")[0].changes[0]) == f"pick of colour: {one[:12]} → {other[:12]}"


def test_a_folder_is_compared_like_a_revision(project: Reviewed, tmp_path: Path) -> None:
    shutil.copytree(project.folder, tmp_path / "before")
    assert compared(project, str(tmp_path / "before")).differences == ()
    project.change("green hills", "red hills", "photos.csv")
    (project.folder / "c.png").write_bytes(picture("another"))
    found = compared(project, str(tmp_path / "before"))
    assert jobs(found, "changed") == ["0002/colour", "0003/colour"]


def test_a_recipe_that_was_not_there_is_all_new(project: Reviewed) -> None:
    shutil.copy(project.recipe, project.folder / "other.yaml")
    found = diff(project.folder / "other.yaml", "HEAD", project.options())[1]
    assert (len(found.of("new")), found.same) == (9, 0)
    # Or the reviewer of a recipe that was renamed takes all of it for new work.
    assert diff_text(found).splitlines()[0].endswith("; the other version has no recipe of this name")


@pytest.mark.parametrize("ref", ["nowhere", "--upload-pack=x", "HEAD:p", "", "-h", "a" * 5000])
def test_what_is_no_revision_is_told(project: Reviewed, ref: str) -> None:
    with pytest.raises(UsageError, match="neither a folder nor a revision"):
        compared(project, ref)


def test_without_a_repository_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = reviewed_project(tmp_path / "alone")
    monkeypatch.chdir(project.folder)
    with pytest.raises(UsageError, match="--diff"):
        compared(project)


def test_json_and_markdown_tell_the_same(project: Reviewed) -> None:
    project.change("green hills", "red @everyone <b>", "photos.csv")
    found = compared(project)
    told = diff_json(found)
    assert json.loads(json.dumps(told))["usd"] == 0.048741
    assert [one["kind"] for one in told["differences"]] == ["changed", "follows", "follows"]
    markdown = diff_markdown(found)
    assert markdown.startswith("### <code>archive</code> against <code>HEAD</code>: 1 changed, 2 made of what changed")
    assert "@" not in markdown
    assert "<b>" not in markdown


def test_what_has_problems_is_not_told_as_unchanged(project: Reviewed) -> None:
    (project.folder / "b.png").unlink()
    found = compared(project)
    assert diff_text(found).splitlines()[0].endswith("; 1 problem, so that not all can be compared")
    assert [problem["rule"] for problem in diff_json(found)["problems"]] == ["image-missing"]
    markdown = diff_markdown(found)
    assert "<summary>Problems (1)</summary>" in markdown
    assert "row 0002" in markdown


def test_problems_are_told_beside_a_comparison(project: Reviewed) -> None:
    (project.folder / "b.png").unlink()
    result = CliRunner().invoke(main, ["plan", "r.yaml", "--diff", "HEAD", "--backend", "dashscope"])
    assert result.exit_code == 65
    assert "b.png: there is no such file [image-missing]" in result.stderr


def test_an_empty_revision_is_no_plan_instead(project: Reviewed) -> None:
    # As in --diff "$BASE" where BASE is not set.
    assert CliRunner().invoke(main, ["plan", "r.yaml", "--diff", ""]).exit_code == 64


def test_files_that_are_written_elsewhere_are_told_beside_requests(project: Reviewed) -> None:
    project.change('card: {image: steps.fused, to: "out/', 'card: {image: steps.fused, to: "cards/')
    found = compared(project)
    assert diff_text(found) == (
        "archive against HEAD: no change in requests; 3 files written elsewhere\n"
        "\n"
        "  card: out/0001.png → cards/0001.png, and 2 more files"
    )
    assert "<summary>Files (1)</summary>" in diff_markdown(found)
    assert diff_json(found)["files"][0] == {"output": "card", "old": "out/0001.png", "new": "cards/0001.png"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("name: archive", "name: 'archive'", 0),
        ('fused, to: "out/', 'fused, to: "cards/', 2),
        ("green hills", "red hills", 2),
        ("0002,", "9002,", 2),
    ],
    ids=["layout", "files elsewhere", "a request", "a name"],
)
def test_a_script_learns_of_all_that_a_comparison_tells(project: Reviewed, old: str, new: str, code: int) -> None:
    project.change(old, new, "r.yaml" if old in project.recipe.read_text() else "photos.csv")
    words = ["plan", "r.yaml", "--backend", "draft", "--diff", "HEAD", "--detailed-exitcode"]
    assert CliRunner().invoke(main, words).exit_code == code


def test_files_of_an_output_that_comes_or_goes_are_told(project: Reviewed, repo: Path) -> None:
    tint = '  tint: {image: steps.colour, to: "out/${{ row.id }}-tint.png"}\n'
    project.change("outputs:\n", f"outputs:\n{tint}")
    assert diff_text(compared(project)).endswith("  tint: out/0001-tint.png is new, and 2 more files")
    git(repo, "commit", "-q", "-a", "-m", "tints")
    project.change(tint, "")
    assert diff_text(compared(project)) == (
        "archive against HEAD: no change in requests; 3 files not written any more\n"
        "\n"
        "  tint: out/0001-tint.png is not written any more, and 2 more files"
    )


def test_an_output_by_another_name_and_rows_that_come_are_no_other_files(project: Reviewed) -> None:
    project.change("  card: {image", "  postcard: {image")
    project.change("0003,c.png", "0004,c.png,a house\n0003,c.png", "photos.csv")
    assert compared(project).files == ()


def test_the_files_of_a_renamed_row_lie_elsewhere(project: Reviewed) -> None:
    project.change("0002,", "9002,", "photos.csv")
    (one,) = compared(project).files
    assert (one.old, one.new) == ("out/0002.png", "out/9002.png")


def test_an_output_folder_that_a_flag_names_is_the_same_for_both(project: Reviewed, tmp_path: Path) -> None:
    assert diff(project.recipe, "HEAD", project.options(out=tmp_path / "elsewhere"))[1].files == ()


def test_what_waits_for_a_pick_is_not_told_as_stored(project: Reviewed, repo: Path) -> None:
    project.change('with: {prompt: "${{ row.colours }}"}}', 'candidates: 2, pick: {by: hand}, with: {prompt: "x"}}')
    git(repo, "commit", "-q", "-a", "-m", "picks")
    project.run()
    project.change("seen from above", "seen from the side")
    told = diff_text(compared(project)).splitlines()[0]
    assert told == ("archive against HEAD: 3 changed, 3 made of what changed, 3 the same; costs $0.00, 6 after a pick")


def test_what_waits_for_a_pick_follows_what_it_waits_for(project: Reviewed, repo: Path) -> None:
    project.change('with: {prompt: "${{ row.colours }}"}}', 'candidates: 2, pick: {by: hand}, with: {prompt: "x"}}')
    git(repo, "commit", "-q", "-a", "-m", "picks")
    project.change('{prompt: "x"}', '{prompt: "y"}')
    found = compared(project)
    assert [len(found.of(kind)) for kind in ("changed", "follows")] == [3, 6]


def test_only_what_is_selected_is_compared(project: Reviewed) -> None:
    project.change("green hills", "red hills", "photos.csv")
    project.change("a red house", "a blue house", "photos.csv")
    found = diff(project.recipe, "HEAD", project.options(wish=Wish(select=("0002/",))))[1]
    assert jobs(found, "changed") == ["0002/colour"]
    assert [one.stored for one in found.differences] == [False] * 3


# -- from where it is asked


def test_a_manifest_that_a_flag_names_is_that_of_the_version(
    project: Reviewed, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / "sub").mkdir()
    rows = (project.folder / "photos.csv").read_text().replace(",a.png", ",../a.png")
    (project.folder / "sub" / "rows.csv").write_text(rows.replace(",b.", ",../b.").replace(",c.", ",../c."))
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "other rows")
    project.change("green hills", "red hills", "sub/rows.csv")
    for here, named in ((project.folder / "sub", "rows.csv"), (repo, "p/sub/rows.csv")):
        monkeypatch.chdir(here)
        assert jobs(diff(project.recipe, "HEAD", project.options(manifest=Path(named)))[1], "changed") == [
            "0002/colour"
        ]


def test_a_manifest_that_a_flag_names_and_git_does_not_have_is_taken_as_it_is(project: Reviewed) -> None:
    shutil.copy(project.folder / "photos.csv", project.folder / "mine.csv")
    found = diff(project.recipe, "HEAD", project.options(manifest=Path("mine.csv")))[1]
    assert (found.same, found.differences) == (9, ())


def test_a_shallow_copy_says_how_to_get_the_rest(project: Reviewed, repo: Path, tmp_path: Path) -> None:
    project.change("green hills", "red hills", "photos.csv")
    git(repo, "commit", "-q", "-a", "-m", "red")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repo}", "shallow")
    with pytest.raises(UsageError, match="shallow, so fetch it first"):
        Revision(tmp_path / "shallow" / "p", "HEAD^")
    assert "p" not in Revision(tmp_path / "shallow" / "p", "HEAD").files


def test_why_git_refuses_is_told(project: Reviewed, repo: Path) -> None:
    shutil.rmtree(repo / ".git")
    (repo / ".git").write_text("gitdir: /nowhere\n")
    with pytest.raises(UsageError, match="git can't read the repository: fatal: not a git repository: /nowhere"):
        compared(project)


def test_where_no_repository_is_what_was_given_is_named(project: Reviewed, repo: Path) -> None:
    shutil.rmtree(repo / ".git")
    with pytest.raises(UsageError, match=r'there is no git repository here, and no folder "v1\.0"; name a'):
        compared(project, "v1.0")


def test_a_folder_whose_name_means_something_to_git_is_only_a_folder(repo: Path) -> None:
    git(repo, "init", "-q")
    (repo / ":(top)").mkdir()
    (repo / ":(top)" / "r.yaml").write_text("wanflow: 1\n")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "begin")
    assert set(Revision(repo / ":(top)", "HEAD").files) == {"r.yaml"}


def test_one_git_reads_all_files(project: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, told = shutil.which("git"), tmp_path / "told"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "git"
    program.write_text(f'#!/bin/sh\necho "$@" >> {told}\nexec {real} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    compared(project)
    assert told.read_text().count("cat-file") == 1


def test_a_file_that_git_can_not_read_is_told_and_the_others_are_read(project: Reviewed, repo: Path) -> None:
    with Revision(project.folder, "HEAD") as revision:
        entry = revision.files["a.png"]
        (repo / ".git" / "objects" / entry.oid[:2] / entry.oid[2:]).unlink()
        with pytest.raises(UsageError, match="git can't read the repository: "):
            revision.read("a.png")
        assert revision.read("b.png") == (project.folder / "b.png").read_bytes()


# -- a stranger's repository


def armed(repo: Path, told: Path) -> None:
    """Have git run a program wherever a repository's settings and attributes can say so."""
    program = repo / "program.sh"
    program.write_text(f"#!/bin/sh\necho ran >> {told}\ncat\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "diff.external"):
        git(repo, "config", name, str(program))
    for kind in ("clean", "smudge", "process"):
        git(repo, "config", f"filter.evil.{kind}", str(program))
    git(repo, "config", "diff.evil.textconv", str(program))
    git(repo, "config", "alias.ls-tree", f"!{program}")
    git(repo, "config", "protocol.ext.allow", "always")
    git(repo, "config", "remote.origin.url", f"ext::{program}")
    git(repo, "config", "remote.origin.promisor", "true")
    hooks = repo / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
        shutil.copy(program, hooks / name)
    git(repo, "config", "core.hooksPath", str(hooks))
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n")


def test_a_repository_runs_nothing(project: Reviewed, repo: Path, tmp_path: Path) -> None:
    told = tmp_path / "ran"
    armed(repo, told)
    told.unlink(missing_ok=True)
    project.change("green hills", "red hills", "photos.csv")
    assert jobs(compared(project), "changed") == ["0002/colour"]
    assert not told.exists()


def test_an_object_that_is_not_there_is_not_fetched(project: Reviewed, repo: Path, tmp_path: Path) -> None:
    told = tmp_path / "ran"
    oid = git(repo, "rev-parse", "HEAD:p/photos.csv").strip()
    armed(repo, told)
    git(repo, "config", "extensions.partialClone", "origin")
    told.unlink(missing_ok=True)
    (repo / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(UsageError, match=r"p/photos\.csv of HEAD is not in this copy of the repository"):
        compared(project)
    assert not told.exists()


def written(repo: Path, entries: Sequence[tuple[str, str, str]]) -> str:
    """A commit whose tree has these (mode, name, text), made without git's own judgement of names."""
    lines = b""
    for mode, name, text in entries:
        store = ["git", "-C", str(repo), "hash-object", "-w", "--stdin"]
        blob = subprocess.run(store, input=text.encode(), capture_output=True, check=True)
        lines += f"{mode} {name}\0".encode() + bytes.fromhex(blob.stdout.decode().strip())
    tree = subprocess.run(
        ["git", "-C", str(repo), "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
        input=lines,
        capture_output=True,
        check=True,
    )
    return git(repo, "commit-tree", "-m", "hostile", tree.stdout.decode().strip()).strip()


def test_names_in_a_tree_stay_below_the_folder(repo: Path, tmp_path: Path) -> None:
    git(repo, "init", "-q")
    names = ["..", "../up.yaml", "/root.yaml", ".git", "good.yaml", "a/../../b.csv"]
    commit = written(
        repo, [("100644", name, "wanflow: 1\n") for name in names] + [("120000", "link.yaml", "/etc/passwd")]
    )
    (tmp_path / "out").mkdir()
    with Revision(repo, commit) as revision:
        assert set(revision.files) == {"good.yaml"}
        revision.write_texts(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["good.yaml"]


@pytest.mark.parametrize("names", [["a" * 300 + ".yaml"], ["a", "a/b.yaml"]])
def test_a_tree_that_no_folder_can_hold_ends_in_words(names: list[str], repo: Path, tmp_path: Path) -> None:
    git(repo, "init", "-q")
    commit = written(repo, [("100644", name, "wanflow: 1\n") for name in names])
    with Revision(repo, commit) as revision, pytest.raises(UsageError, match="can't be compared: File"):
        revision.write_texts(tmp_path / "out")


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", ".git/config", "a/.GIT/hooks/x", ".wanflow/index.sqlite"])
def test_what_is_no_plain_name(name: str) -> None:
    assert not is_plain(name)


def test_a_pointer_of_git_lfs_is_known_by_its_digest(project: Reviewed, repo: Path) -> None:
    photo = (project.folder / "a.png").read_bytes()
    digest = hashlib.sha256(photo).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(photo)}\n"
    (project.folder / "a.png").write_text(pointer)
    git(repo, "commit", "-q", "-a", "-m", "lfs")
    (project.folder / "a.png").write_bytes(photo)
    assert compared(project).differences == ()


def test_what_waits_for_a_pick_follows_and_is_not_stored(project: Reviewed) -> None:
    project.change('row.colours }}"}}', 'row.colours }}, soft"}, candidates: 2, pick: {by: hand}}')
    found = compared(project)
    assert jobs(found, "changed") == ["0001/colour", "0002/colour", "0003/colour"]
    assert len(found.of("follows")) == 6
    assert not any(one.stored for one in found.differences)
