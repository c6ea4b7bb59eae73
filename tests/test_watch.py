import io
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import Fakery, picture
from projects import WANFLOW, Small, photo, small_project
from test_live import paid_project, slow_service  # noqa: F401 - a fixture

from wanflow import api
from wanflow.cli import main
from wanflow.cli.watch import Watch, Watched
from wanflow.errors import RefusedError
from wanflow.telling.narrator import Narrator

PATIENCE_S = 60


class Watching:
    """wanflow run --watch, as a process; what it says can be waited for."""

    def __init__(self, project: Small, *words: str) -> None:
        self.project = project
        command = [*WANFLOW, "run", "r.yaml", "--watch", *words]
        self.process = subprocess.Popen(
            command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def until(self, pattern: str) -> str:
        """Wait for a line; returns what was said since the last one that was waited for."""
        said: list[str] = []
        while not said or not re.search(pattern, said[-1]):
            said.append(self._lines.get(timeout=PATIENCE_S))
        self.said += said
        return "\n".join(said)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()  # when its workers have ended, too
        assert self.process.stdout
        self.process.stdout.close()

    def idle(self) -> str:
        return self.until("watching .* Ctrl-C ends it")


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return small_project(tmp_path / "p")


@pytest.fixture
def watching(project: Small) -> Iterator[Callable[..., Watching]]:
    begun: list[Watching] = []

    def begin(*words: str) -> Watching:
        begun.append(Watching(project, *words))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_each_change_runs_again_and_ctrl_c_ends_it(
    project: Small, watching: Callable[..., Watching], tmp_path: Path
) -> None:
    watch = watching()
    assert "small: 2 done, 0 reused" in watch.idle()
    edit(project.recipe, "48", "40")
    said = watch.idle()
    assert "changed: r.yaml" in said and "2 done, 0 reused" in said
    (project.folder / "photos" / "2.png").write_bytes(photo(7))
    said = watch.idle()
    assert "changed: photos/2.png" in said and "1 done" in said
    with (project.folder / "photos.csv").open("a", encoding="utf-8") as manifest:
        manifest.write("3,photos/3.png\n")
    said = watch.idle()
    assert "changed: photos.csv" in said and "photos/3.png: there is no such file" in said
    replacement = tmp_path / "new.png"  # as editors do: written beside it, then moved into its place
    replacement.write_bytes(photo(3))
    replacement.rename(project.folder / "photos" / "3.png")
    said = watch.idle()
    assert "changed: photos/3.png" in said and "1 done" in said
    edit(project.recipe, "uses: local/fit", "uses: local/fat")
    said = watch.idle()
    assert "Did you mean" in said and "1 problem" in said
    edit(project.recipe, "uses: local/fat", "uses: local/fit")
    assert "0 done, " in watch.idle()
    watch.process.send_signal(signal.SIGINT)
    assert watch.process.wait(PATIENCE_S) == 0


def test_a_recipe_that_never_was_valid_is_watched_too(project: Small, watching: Callable[..., Watching]) -> None:
    edit(project.recipe, "uses: local/fit", "uses: local/fat")
    watch = watching()
    assert "1 problem" in watch.idle()
    edit(project.recipe, "uses: local/fat", "uses: local/fit")
    assert "2 done" in watch.idle()
    (project.folder / "photos" / "1.png").write_bytes(photo(8))
    assert "changed: photos/1.png" in watch.idle()


def test_rows_that_are_as_they_were_are_watched(project: Small, watching: Callable[..., Watching]) -> None:
    project.run()
    watch = watching()
    assert "0 done, 2 reused" in watch.idle()
    (project.folder / "photos" / "1.png").write_bytes(photo(9))
    said = watch.idle()
    assert "changed: photos/1.png" in said and "1 done" in said


def test_the_first_run_decides_whether_there_is_anything_to_watch(project: Small) -> None:
    done = CliRunner().invoke(main, ["run", str(project.recipe), "--watch", "--backend", "nobody"])
    assert (done.exit_code, "there is no backend nobody" in done.output) == (64, True)


def test_only_recipes_are_watched_and_only_runs(project: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    command = CliRunner().invoke
    assert command(main, ["plan", "r.yaml", "-o", "plan.json"]).exit_code == 0
    for words in (["r.yaml", "-n"], ["plan.json"]):
        done = command(main, ["run", *words, "--watch"])
        assert (done.exit_code, "--watch" in done.output) == (64, True)


def test_what_is_missing_is_said_with_its_remedy(project: Small) -> None:
    (project.folder / "watchfiles.py").write_text("raise ModuleNotFoundError(name='watchfiles')", encoding="utf-8")
    path = os.pathsep.join([str(project.folder), *sys.path])
    done = project.command("run", "r.yaml", "--watch", env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 64
    assert "wanflow run --watch needs watchfiles: pip install 'wanflow[watch]'" in done.stderr


# -- what is watched


def test_everything_that_a_recipe_reads_is_watched(tmp_path: Path) -> None:
    project = small_project(
        tmp_path / "p",
        steps=[
            "small: {uses: local/fit, image: row.photo, with: {max_side: 48}}",
            "marked: {uses: local/composite, image: steps.small, images: [file:logo.png], with: {scale: 0.5}}",
            "shared: {uses: ./parts/part.yaml, image: steps.marked}",
        ],
        outputs=['shared: {image: steps.shared, to: "out/${{ row.id }}.png"}'],
    )
    (project.folder / "logo.png").write_bytes(photo(5))
    (project.folder / "parts").mkdir()
    (project.folder / "parts" / "part.yaml").write_text(
        "wanflow: 1\nname: part\ninputs: {image: {}}\nsteps:\n"
        "  tiny: {uses: local/fit, image: inputs.image, with: {max_side: 8}}\n"
        "outputs: {tiny: {image: steps.tiny, to: x.png}}\n",
        encoding="utf-8",
    )
    edit(project.folder / "photos.csv", "photos/2.png", "photos/absent.png")
    watched = Watched(project.recipe, project.folder)
    plan = project.plan(asked=watched.files)
    watched.leave_out(plan)
    read = {os.path.relpath(file, project.folder) + "/" * file.endswith("/") for file in watched.files}
    wanted = {"r.yaml", "wanflow.toml", "picks/", "photos.csv", "photos/1.png", "photos/absent.png", "logo.png"}
    assert read >= {*wanted, "parts/part.yaml"}
    assert not any(name.startswith((".wanflow", "out")) for name in read)
    assert {str(project.folder), str(project.folder / "photos"), str(project.folder / "parts")} == set(
        watched.folders()
    )


def test_a_new_file_that_a_pattern_finds_counts_and_an_output_beside_it_does_not(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    edit(project.recipe, "{from: photos.csv, key: id}", '{from: "photos/**/?.png"}')
    edit(project.recipe, "row.photo", "row.path")
    edit(project.recipe, '"out/${{ row.id }}.png"', '"photos/new/${{ row.stem }}.png", provenance: sidecar')
    watched = Watched(project.recipe, project.folder)
    watched.leave_out(project.plan(asked=watched.files))
    before = watched.look()
    project.run()
    assert {file.name for file in (project.folder / "photos" / "new").iterdir()} >= {"1.png", "2.png"}
    assert len(list((project.folder / "photos" / "new").iterdir())) == 4
    assert watched.look() == before
    (project.folder / "photos" / "3.png").write_bytes(photo(3))
    assert {*watched.look()} - {*before} == {str(project.folder / "photos" / "3.png")}


# -- money


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three paid jobs."""
    folder = tmp_path / "p"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture(number))
    (folder / "rows.csv").write_text("id,photo\n" + "".join(f"{n},{n}.png\n" for n in range(3)), encoding="utf-8")
    (folder / "r.yaml").write_text(
        "wanflow: 1\nname: paid\nmanifest: {from: rows.csv, key: id}\nsteps:\n"
        "  colour: {uses: wan/colorization, image: row.photo}\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(folder)
    return folder / "r.yaml"


def watch_of(recipe: Path, options: api.Options, changes: list[str]) -> tuple[int, str, list[object]]:
    """A watch whose prompt changes so, one run each; its exit code, what it said, and what each run might cost."""
    stream, caps, told = io.StringIO(), [], []

    def once(wish: api.Options, voice: Narrator, consent: Callable) -> int:
        caps.append(wish.max_cost)
        _, record = api.run(recipe, wish, listener=voice, consent=consent)
        assert record
        return record.exit_code

    def changed() -> list[str]:
        if not changes:
            raise KeyboardInterrupt
        edit(recipe, "image: row.photo", f"image: row.photo, with: {{prompt: {changes.pop(0)}}}") if not told else None
        told.append(1)
        return ["r.yaml"]

    watch = Watch(recipe, options, lambda: Narrator(stream), once, lambda error: error.exit_code)  # type: ignore[arg-type, return-value]
    watch._changed = changed  # type: ignore[method-assign]
    return watch.run(), stream.getvalue(), caps


def test_nothing_is_paid_without_a_bound_whatever_else_is_said(recipe: Path) -> None:
    fakery = Fakery()
    with pytest.raises(RefusedError, match="--watch pays for nothing unless --max-cost says"):
        watch_of(recipe, fakery.paid(), [])
    assert fakery.asked == []


def test_the_bound_is_for_all_runs_together_and_each_is_priced_first(recipe: Path) -> None:
    fakery = Fakery()
    code, said, caps = watch_of(recipe, fakery.paid(max_cost=Decimal("0.10")), ["blue"])
    assert caps == [Decimal("0.10"), Decimal("0.10") - 3 * Decimal("0.020070")]
    assert len(fakery.asked) == 4, "three, and then the one that still fits"
    assert code == 3
    assert said.count("paid at Somewhere: 3 paid tasks, 3 images, $0.0603") == 2
    assert "$0.0398 left to spend" in said and "$0.0198 left to spend" in said


def test_ctrl_c_during_a_run_ends_the_watch(tmp_path: Path, slow_service: str) -> None:  # noqa: F811 - the fixture
    project = paid_project(tmp_path / "p")
    env = {**os.environ, "DASHSCOPE_API_KEY": "sk-x"}
    words = ["--backend", "dashscope", "--base-url", slow_service, "--max-cost", "1", "--log-format", "json"]
    with subprocess.Popen(
        [*WANFLOW, "run", "r.yaml", "--watch", *words],
        cwd=project.folder, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stderr
        for line in process.stderr:
            if '"started"' in line:
                break
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "press Ctrl-C again" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(PATIENCE_S) == 130
    assert "watching" not in rest


# -- --open


def browser(folder: Path) -> dict[str, str]:
    """An environment whose browser writes down what it is to open."""
    script = folder / "browser.sh"
    script.write_text(f'#!/bin/sh\necho "$1" >> "{folder}/opened.txt"\n', encoding="utf-8")
    script.chmod(0o755)
    return {**os.environ, "BROWSER": str(script)}


def test_open_shows_the_report_of_the_run(project: Small, tmp_path: Path) -> None:
    done = project.command("run", "r.yaml", "--open", env=browser(tmp_path))
    assert done.returncode == 0
    page = project.folder / "report" / "index.html"
    assert (tmp_path / "opened.txt").read_text(encoding="utf-8").split() == [page.as_uri()]
    assert "small" in page.read_text(encoding="utf-8")


def test_where_there_is_no_browser_its_address_is_told(project: Small) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = project.command("run", "r.yaml", "--open", env={**env, "BROWSER": "/bin/false"})
    assert done.returncode == 0
    assert f"no browser was found; open {(project.folder / 'report' / 'index.html').as_uri()}" in done.stderr


def test_a_watch_makes_the_report_anew_and_opens_it_once(
    project: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watching: Callable[..., Watching]
) -> None:
    monkeypatch.setenv("BROWSER", browser(tmp_path)["BROWSER"])
    watch = watching("--open")
    watch.idle()
    page = project.folder / "report" / "index.html"
    before = page.read_bytes()
    edit(project.recipe, "48", "40")
    watch.idle()
    assert page.read_bytes() != before
    assert len((tmp_path / "opened.txt").read_text(encoding="utf-8").split()) == 1


def test_nothing_is_opened_of_a_plan(project: Small) -> None:
    assert CliRunner().invoke(main, ["run", str(project.recipe), "-n", "--open"]).exit_code == 64
