"""A provider, an account and projects on this machine, and wanflow processes in them that do not live long."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from projects import coded, gradient

HERE = Path(__file__).parent
MODEL = "wanx2.1-imageedit"
RECIPE = """\
wanflow: 1
manifest: {from: rows.csv, types: {seed: integer}}
steps:
  colour: {uses: wan/colorization, image: row.photo, with: {prompt: "sky ${{ row.id }}", seed: "${{ row.seed }}"}}
outputs:
  colour: {image: steps.colour, to: "out/${{ row.id }}.png"}
"""
# A run that was disturbed may leave jobs to the next, which has to bring them in.
LAST_RUNS = 4
MOST_DISTURBED = 20
OVER_BUDGET = 3
# Whoever lives longer, or longer after a second Ctrl-C, hangs; the machine may be busy.
LIFETIME_S, FEW_S = 60.0, 10.0
USD_IMAGE = Decimal("0.020070")
KINDS = tuple(
    f"{when} {what}"
    for what in ("submit", "wait", "fetch", "fsync", "rename", "ledger commit", "index commit")
    for when in (("before", "amid", "after") if what in ("submit", "wait", "fetch") else ("before", "after"))
)
# How often a boundary of a kind is passed at most before the one that is chosen.
FAR = {"ledger commit": 30, "index commit": 8, "fsync": 8, "rename": 4}


class Disturbance(NamedTuple):
    """What happens to one process: kill, interrupt (Ctrl-C twice), stop or full at a boundary, or killed after so many
    seconds; a wrong clock.
    """

    act: str = ""
    at: tuple[str, int] | None = None
    after_s: float | None = None
    pause_s: float = 0.0
    shifts: Sequence[tuple[float, float]] = ()


class Life(NamedTuple):
    """How a process ended, and whether it met what was meant for it."""

    code: int
    disturbed: bool
    said: str


def at_boundary(random: Random, kind: str, jobs: int) -> tuple[str, int]:
    """A boundary of a kind, early or late in a run of so many jobs."""
    return kind, random.randint(1, min(jobs, FAR.get(kind.partition(" ")[2], 5)))


@dataclass
class World:
    """One emulator with an account, and projects that share it. A share of all submissions is taken `late`; each run
    may pay for `most` images.
    """

    folder: Path
    speed: float = 100.0
    latency: str = "fixed:0.3"
    service: str = "uniform:1:4"
    faults: Sequence[Mapping[str, Any]] = ()
    late: float = 0.0
    most: int | None = None
    seed: int = 0
    projects: dict[str, int] = field(default_factory=dict)
    origin: str = ""
    log: list[str] = field(default_factory=list)
    hung: int = 0
    overspent: int = 0

    def __post_init__(self) -> None:
        self.since = time.time()
        self._port, self._numbers, self._turn = 0, 0, threading.Lock()

    # -- the provider

    @contextlib.contextmanager
    def provider(self) -> Iterator[World]:
        self.start_provider()
        try:
            yield self
        finally:
            self.kill_provider()

    def start_provider(self) -> None:
        told = {
            "port": self._port,
            "speed": self.speed,
            "since": self.since,
            "state": str(self.folder / "emulator.sqlite"),
            "latency": self.latency,
            "service": self.service,
            "faults": {"seed": self.seed, "faults": list(self.faults)},
            "late": self.late,
        }
        self._emulator = Process("emulator", told, self.folder / "emulator.log", self.folder)
        self.origin = self._emulator.heard()
        self._port = int(self.origin.rpartition(":")[2])

    def kill_provider(self) -> None:
        with contextlib.closing(self._emulator) as process:
            process.send(signal.SIGKILL)
            process.heard()

    def stats(self) -> Any:
        with urllib.request.urlopen(f"{self.origin}/__emulator__/stats") as answer:  # noqa: S310 - on loopback
            return json.load(answer)

    # -- projects

    def project(self, name: str, rows: int, first: int = 0) -> Path:
        """A project of so many jobs; those of equal numbers are equal in all projects."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "a.png").write_bytes(coded(gradient(512, 512)))
        lines = [f"{number},a.png,{number}\n" for number in range(first, first + rows)]
        (folder / "rows.csv").write_text("id,photo,seed\n" + "".join(lines))
        (folder / "r.yaml").write_text(RECIPE)
        (folder / "wanflow.toml").write_text("")
        self.projects[name] = rows
        return folder

    def outputs(self) -> dict[str, bytes]:
        """Every picture of every project, by its number."""
        found = [path for name in self.projects for path in sorted((self.folder / name / "out").glob("*"))]
        return {path.name: path.read_bytes() for path in found}

    # -- processes

    def live(self, project: Path, meant: Disturbance = Disturbance()) -> Life:  # noqa: B008 - immutable
        """One process of wanflow in a project, from its start to its end."""
        with self._turn:
            self._numbers += 1
            mark = self.folder / f"process-{self._numbers}"
        told = {
            "recipe": str(project / "r.yaml"),
            "base_url": f"{self.origin}/api/v1",
            "speed": self.speed,
            "since": self.since,
            "act": meant.act,
            "at": meant.at,
            "log": str(mark.with_suffix(".met")),
            "shifts": meant.shifts,
            "max_cost": None if self.most is None else str(self.most * USD_IMAGE),
            "few_s": FEW_S,
        }
        process = Process("wanflow", told, mark.with_suffix(".log"), project, XDG_STATE_HOME=str(self.folder / "state"))
        with contextlib.closing(process):
            code = self._watched(process, meant)
        met = mark.with_suffix(".met").exists() or (meant.after_s is not None and code == -signal.SIGKILL)
        life = Life(code, met, mark.with_suffix(".log").read_text())
        with self._turn:
            self.log.append(f"{project.name} {meant} {code}\n{life.said}")
        return life

    def _watched(self, process: Process, meant: Disturbance) -> int:
        patience_s = LIFETIME_S if meant.after_s is None else meant.after_s
        while True:
            status = process.status(patience_s)
            if status is None:
                process.send(signal.SIGKILL)
                if meant.after_s is None:
                    self._note_hang()
                patience_s = LIFETIME_S
            elif os.WIFSTOPPED(status):
                time.sleep(meant.pause_s)
                process.send(signal.SIGCONT)
            else:
                code = os.waitstatus_to_exitcode(status)
                if meant.act == "interrupt" and code == -signal.SIGKILL:
                    self._note_hang()
                return code

    def _note_hang(self) -> None:
        with self._turn:
            self.hung += 1
            self.log.append("HUNG")

    def outlive(self, project: Path, disturbances: Iterator[Disturbance]) -> int:
        """Start wanflow again and again until its jobs are done; how many of the disturbances were met."""
        met = 0
        for meant in islice(disturbances, MOST_DISTURBED):
            life = self.live(project, meant)
            met += life.disturbed or self._met_cap(life)
            if life.code == 0:
                return met
        for _ in range(LAST_RUNS):
            if self.live(project).code == 0:
                break
        return met

    def _met_cap(self, life: Life) -> bool:
        """Whether a run ended for want of money; counts what was billed beyond what all runs so far might spend."""
        if self.most is None:
            return False
        self.overspent = max(self.overspent, self.stats()["images_billed"] - self._numbers * self.most)
        return life.code == OVER_BUDGET


class Process:
    """A process out of the nursery."""

    def __init__(self, role: str, told: Mapping[str, Any], log: Path, folder: Path, **environment: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(nursery())
        # Unbuffered, so that a status is never read ahead of `select`.
        self._lines = self._socket.makefile("rb", buffering=0)
        request = {"role": role, "told": told, "log": str(log), "folder": str(folder), "environment": environment}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        self._pid = int(self.heard())

    def heard(self) -> str:
        """The next line that the process or its parent says."""
        return self._lines.readline().decode().strip()

    def status(self, patience_s: float) -> int | None:
        """The next status that its parent learns; None when it takes too long."""
        if not select.select([self._socket], [], [], patience_s)[0]:
            return None
        return int(self.heard())

    def send(self, number: int) -> None:
        os.kill(self._pid, number)

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@cache
def nursery() -> str:
    """Where processes are asked for."""
    folder = tempfile.mkdtemp(prefix="wanflow-nursery-")
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    own = {"PYTHONPATH": path, "DASHSCOPE_API_KEY": "sk-chaos", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "nursery.py"), f"{folder}/socket"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | own, text=True, process_group=0)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"

    def end() -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        shutil.rmtree(folder)

    atexit.register(end)
    return f"{folder}/socket"
