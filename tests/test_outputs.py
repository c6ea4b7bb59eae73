import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from projects import Small, coded, gradient, photo, pixels_of, small_project

from wanflow import api
from wanflow.errors import EditError
from wanflow.model import Publication
from wanflow.pictures.images import describe
from wanflow.planning.outputs import FORMATS, Publisher, folded, made_from, path_problem
from wanflow.store.blobs import Blobs


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "out", Blobs(tmp_path / "store"), tmp_path / "kept")


def publication(publisher: Publisher, path: str, raw: bytes | None = None, quality: int | None = None) -> Publication:
    raw = raw or photo()
    publisher.blobs.put(raw)
    return Publication("small", path, describe(raw), "small", quality)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", "the path is empty"),
        ("  ", "the path is empty"),
        ("/etc/a.png", '"/etc/a.png" must be relative to the output folder'),
        ("~/a.png", '"~/a.png" must be relative to the output folder'),
        ("C:/a.png", '"C:/a.png" must be relative to the output folder'),
        ("../a.png", '"../a.png" leaves the output folder'),
        ("a/../../b.png", '"a/../../b.png" leaves the output folder'),
        ("a//b.png", '"a//b.png" has an empty part'),
        ("./a.png", '"./a.png" has an empty part'),
        (".wanflow/a.png", '".wanflow/a.png" lies in wanflow\'s own folder'),
        (".WANFLOW/a.png", '".WANFLOW/a.png" lies in wanflow\'s own folder'),
        ("a\nb.png", '"a\\nb.png" holds "\\n", which is not safe in a file name'),
        ("a\x1b[2Jb.png", '"a\\x1b[2Jb.png" holds "\\x1b", which is not safe in a file name'),
        ("ab:c.png", '"ab:c.png" holds ":", which is not safe in a file name'),
        ("con.png", '"con.png" is a reserved name'),
        ("Aux/a.png", '"Aux/a.png": "Aux" is a reserved name'),
        (" a.png", '" a.png" begins or ends with a space, or ends with a dot'),
        ("a./b.png", '"a./b.png": "a." begins or ends with a space, or ends with a dot'),
        ("\ud800.png", "this is not valid text"),
        ("a", '"a" must end with .png, .jpg, .jpeg, .webp, .tif, .tiff, .bmp'),
        ("a.gif", '"a.gif" must end with .png, .jpg, .jpeg, .webp, .tif, .tiff, .bmp'),
    ],
)
def test_unsafe_path_is_refused_with_its_fault(path: str, complaint: str) -> None:
    assert path_problem(path) == complaint


def test_long_name_is_measured_in_bytes() -> None:
    assert path_problem("é" * 98 + ".png") == ""
    assert path_problem("é" * 99 + ".png").endswith("a name has 202 bytes, at most 200 are safe")


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=40).map(lambda text: text + ".png"))
def test_accepted_path_stays_inside_the_output_folder(path: str) -> None:
    if not path_problem(path):
        inside = (Path("/project/out") / path).resolve()
        assert inside.is_relative_to("/project/out")
        assert "\0" not in path


@pytest.mark.parametrize("pair", [("A.png", "a.PNG"), ("é.png", "e\u0301.png"), ("STRASSE/ß.png", "strasse/SS.png")])
def test_paths_that_some_file_system_confuses_are_one(pair: tuple[str, str]) -> None:
    assert folded(pair[0]) == folded(pair[1])


def test_other_quality_or_format_makes_another_file(publisher: Publisher) -> None:
    wanted = [("a.png", None), ("a.jpg", None), ("a.jpg", 50), ("b.jpeg", 50)]
    made = [made_from(publication(publisher, path, quality=quality)) for path, quality in wanted]
    assert len(set(made)) == 3
    assert made[2] == made[3]


@pytest.mark.parametrize("ending", FORMATS)
def test_ending_decides_the_format(publisher: Publisher, ending: str) -> None:
    publisher.publish(publication(publisher, f"a{ending}"), None, None)
    with Image.open(publisher.root / f"a{ending}") as image:
        assert image.format == FORMATS[ending]
        assert image.size == (64, 48)


def test_picture_in_the_wanted_format_is_copied_to_the_byte(publisher: Publisher) -> None:
    raw = coded(gradient(), "JPEG", quality=50)
    publisher.publish(publication(publisher, "deep/er/a.jpg", raw), None, None)
    assert (publisher.root / "deep/er/a.jpg").read_bytes() == raw


def test_quality_is_kept(publisher: Publisher) -> None:
    for path, quality in (("low.jpg", 10), ("high.jpg", 95)):
        publisher.publish(publication(publisher, path, quality=quality), None, None)
    assert (publisher.root / "low.jpg").stat().st_size < (publisher.root / "high.jpg").stat().st_size


def test_written_file_is_known_by_stat_and_digest(publisher: Publisher) -> None:
    written = publisher.publish(publication(publisher, "a.png"), None, None)
    stat = (publisher.root / "a.png").stat()
    assert (written.published.stat.size, written.published.stat.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert written.published.sha256 == describe(photo()).sha256
    assert written.kept == ""


def test_our_own_older_file_is_replaced_and_not_kept(publisher: Publisher) -> None:
    first = publisher.publish(publication(publisher, "a.png", photo(1)), None, None)
    second = publisher.publish(publication(publisher, "a.png", photo(2)), first.published, None)
    assert second.kept == ""
    assert (publisher.root / "a.png").read_bytes() == photo(2)


def test_edited_file_is_moved_aside_even_to_another_disk(publisher: Publisher, tmp_path: Path) -> None:
    other = Path("/dev/shm")  # noqa: S108 - another disk on most machines
    aside = other if other.is_dir() and other.stat().st_dev != tmp_path.stat().st_dev else tmp_path
    publisher.keep_folder = aside / f"wanflow-test-{tmp_path.name}-{id(publisher)}"
    target = publisher.root / "a.png"
    target.parent.mkdir()
    target.write_bytes(b"mine")
    kept = Path(publisher.publish(publication(publisher, "a.png"), None, None).kept)
    assert kept.read_bytes() == b"mine"
    assert target.read_bytes() == photo()
    kept.unlink()
    kept.parent.rmdir()


def test_input_that_changed_since_the_plan_is_not_published(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(photo(7))
    with pytest.raises(EditError, match=r"photo\.png changed while wanflow was running; run again"):
        publisher.publish(publication(publisher, "a.png"), None, tmp_path / "photo.png")
    with pytest.raises(EditError, match=r"InputMissing: gone\.png can't be read"):
        publisher.publish(publication(publisher, "a.png"), None, tmp_path / "gone.png")
    assert not (publisher.root / "a.png").exists()


def test_transparent_picture_goes_on_white_into_jpeg(publisher: Publisher) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    publisher.publish(publication(publisher, "a.jpg", coded(clear)), None, None)
    assert pixels_of((publisher.root / "a.jpg").read_bytes()).min() >= 253


def test_picture_too_large_for_its_format_is_an_error_in_words(publisher: Publisher) -> None:
    long = coded(Image.new("1", (17_000, 1)))
    with pytest.raises(EditError, match="17000x1 px can't be saved as WEBP"):
        publisher.publish(publication(publisher, "a.webp", long), None, None)
    assert not (publisher.root / "a.webp").exists()


# -- two recipes of one project


def second(project: Small, name: str = "s.yaml", step: str = "max_side: 32") -> Path:
    """Another recipe over the same photographs, with the same output paths."""
    text = project.recipe.read_text().replace("max_side: 48", step).replace("name: small", "name: second")
    (project.folder / name).write_text(text)
    return project.folder / name


def test_a_recipe_never_writes_over_what_another_made(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    project.run()
    before = project.outputs()
    second(project)
    for command in ("plan", "run"):
        told = project.command(command, "s.yaml")
        assert (told.returncode, told.stdout) == (65, "")
        assert told.stderr == (
            "s.yaml:7:35: this would write over what r.yaml made: 2 files, first out/1.png [output-path]\n"
            '      small: {image: steps.small, to: "out/${{ row.id }}.png"}\n'
            "                                      ^\n"
            "    Give one of the two recipes another folder, here or with --out; or move the files of r.yaml away.\n"
            "1 problem\n"
        )
    assert project.outputs() == before
    told = project.command("run", "s.yaml", "--out", "second")
    assert (told.returncode, told.stderr.count("local/fit")) == (0, 2)
    assert told.stdout.startswith("second: 2 done, 0 reused, 2 files written to second/out in ")
    assert project.run().exit_code == 0


def test_equal_files_of_two_recipes_are_no_conflict(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    project.run()
    plan = api.plan(second(project, step="max_side: 48"))
    assert (plan.nothing_to_do, plan.problems) == (True, [])


@pytest.mark.parametrize("gone", ["recipe", "files"])
def test_what_is_gone_of_another_recipe_is_in_nobodys_way(tmp_path: Path, gone: str) -> None:
    project = small_project(tmp_path / "p")
    project.run()
    other = second(project)
    if gone == "recipe":
        project.recipe.unlink()
    else:
        shutil.rmtree(project.folder / "out")
    _, record = api.run(other)
    assert record and (record.exit_code, record.written) == (0, 2)
