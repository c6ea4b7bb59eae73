"""What is done to wanflow, how often, and what came of it by the provider's own count and by the files."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import Any

from world import KINDS, MODEL, Disturbance, World, at_boundary

# Nothing but the rate that is kept holds submissions apart.
DENSE = {"speed": 1.0, "latency": "fixed:0.01", "service": "uniform:0.9:1.2"}
HOUR_S, DAY_S = 3600.0, 86_400.0


@dataclass
class Findings:
    """Disturbances that were met; jobs without their picture; pictures paid again, or above what a run might spend;
    processes that hung; and by the provider's count the most submissions in a second, the most tasks at work, and how
    many requests came too fast for it.
    """

    scenario: str
    count: int = 0
    jobs: int = 0
    lost: int = 0
    paid_twice: int = 0
    overspent: int = 0
    hung: int = 0
    fastest: int = 0
    busiest: int = 0
    throttled: int = 0
    evidence: str = ""

    @property
    def good(self) -> bool:
        return self.lost == self.paid_twice == self.overspent == self.hung == 0 and max(self.fastest, self.busiest) <= 2

    def add(self, world: World, met: int, jobs: int) -> None:
        told, expected, made = world.stats(), pictures(jobs), world.outputs()
        lost = sum(made.get(name) != raw for name, raw in expected.items())
        twice = max(told["duplicates"], told["images_billed"] - jobs)
        self.count += met
        self.jobs += jobs
        self.lost += lost
        self.paid_twice += twice
        self.overspent += world.overspent
        self.hung += world.hung
        lane = told["models"][MODEL]
        self.fastest = max(self.fastest, lane["max_submissions_per_second"])
        self.busiest = max(self.busiest, lane["max_running"])
        self.throttled += sum(times for code, times in told["refused"].items() if code.startswith("Throttling"))
        if not self.good and not self.evidence:
            kept = Path(tempfile.mkdtemp(prefix="wanflow-chaos-"))
            shutil.copytree(world.folder, kept, dirs_exist_ok=True)
            (kept / "log.txt").write_text("\n".join(world.log))
            self.evidence = f" {kept}"


@cache
def pictures(jobs: int) -> dict[str, bytes]:
    """What an undisturbed run makes."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        with world.provider():
            assert world.live(world.project("undisturbed", jobs)).code == 0
            return world.outputs()


def campaign(
    name: str,
    wanted: int,
    jobs: int,
    disturbances: Iterator[Disturbance],
    *,
    crew: Sequence[str] = ("p",),
    split: bool = False,
    beside: Callable[[World, threading.Event], int] | None = None,
    **manner: Any,
) -> Findings:
    """Worlds one after the other until so many disturbances were met. `crew` names the project of each process that
    runs at once; the jobs are `split` among the projects or the same in all. `beside` works meanwhile. A world
    has a `manner`.
    """
    found, turn = Findings(name), threading.Lock()

    def next_of() -> Iterator[Disturbance]:
        while True:
            with turn:
                meant = next(disturbances, None)
            if meant is None:
                return
            yield meant

    worlds = count()
    while True:
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder), seed=next(worlds), **manner)
            with world.provider(), ThreadPoolExecutor(len(crew) + 1) as threads:
                names = list(dict.fromkeys(crew))
                share = jobs // len(names) if split else jobs
                homes = {
                    name: world.project(name, share, place * share if split else 0) for place, name in enumerate(names)
                }
                over = threading.Event()
                other = threads.submit(beside, world, over) if beside else None
                lives = [threads.submit(world.outlive, homes[name], next_of()) for name in crew]
                met = sum(life.result() for life in lives)
                over.set()
                met += other.result() if other else 0
                found.add(world, met, jobs)
        if found.count >= wanted or not found.good:
            return found


def killed(random: Random, jobs: int) -> Disturbance:
    """Killed at a boundary of any kind."""
    return Disturbance("kill", at_boundary(random, random.choice(KINDS), jobs))


def in_turn(how: str, random: Random, jobs: int) -> Iterator[Disturbance]:
    """Disturbed at a boundary of each kind, one after the other, again and again."""
    kinds = cycle(random.sample(KINDS, len(KINDS)))
    return (Disturbance(how, at_boundary(random, kind, jobs)) for kind in kinds)


# -- the scenarios: each gives its findings for a seed, so many disturbances, and so many jobs a project


def boundaries(seed: int, wanted: int, jobs: int) -> Findings:
    """Killed before, amid or after every request, fsync, rename and commit, in turn."""
    random = Random(seed)
    return campaign("killed at a boundary", wanted, jobs, in_turn("kill", random, jobs))


def moments(seed: int, wanted: int, jobs: int) -> Findings:
    """Killed at any time."""
    random = Random(seed)
    times = (Disturbance("kill", after_s=random.uniform(0.05, 1.2)) for _ in count())
    return campaign("killed at any time", wanted, jobs, times)


def provider(seed: int, wanted: int, jobs: int) -> Findings:
    """The provider goes away and comes back, knowing what it knew; wanflow is killed at times, too."""
    random = Random(seed)

    def beside(world: World, over: threading.Event) -> int:
        met = 0
        while not over.wait(random.uniform(0.3, 1.5)):
            world.kill_provider()
            time.sleep(random.uniform(0.0, 0.5))
            world.start_provider()
            met += 1
        return met

    also = cycle([False, True])
    lives = (killed(random, jobs) if next(also) else Disturbance() for _ in count())
    return campaign("the provider killed and restarted", wanted, jobs, lives, beside=beside)


def full(seed: int, wanted: int, jobs: int) -> Findings:
    """No room from some boundary on: for the project, the ledger, or both."""
    random = Random(seed)
    kinds = [kind for kind in KINDS if kind.startswith("before") and not kind.endswith(("submit", "wait", "fetch"))]
    acts = cycle(["full", "full project", "full ledger"])
    disks = (Disturbance(next(acts), at_boundary(random, random.choice(kinds), jobs)) for _ in count())
    return campaign("no room on the disk", wanted, jobs, disks)


def clocks(seed: int, wanted: int, jobs: int) -> Findings:
    """The clock is wrong by an hour or a day, from the start or all of a sudden; and wanflow is killed."""
    random = Random(seed)

    def wrong() -> float:
        return random.choice([-1, 1]) * random.choice([HOUR_S, DAY_S, DAY_S + 2 * HOUR_S])

    def meant() -> Disturbance:
        shifts = [(0.0, random.choice([0.0, wrong()])), (random.uniform(20, 80), wrong())]
        return Disturbance("kill", at_boundary(random, random.choice(KINDS), jobs), shifts=shifts)

    return campaign("the clock jumps", wanted, jobs, (meant() for _ in count()))


def pauses(seed: int, wanted: int, jobs: int) -> Findings:
    """Stopped for 2 to 5 s around a POST, while another process works on the same project."""
    random = Random(seed)
    kinds = cycle(["before submit", "amid submit", "after submit", "before ledger commit", "after ledger commit"])
    stops = (
        Disturbance("stop", at_boundary(random, next(kinds), jobs), pause_s=random.uniform(2.0, 5.0)) for _ in count()
    )
    return campaign("paused around a POST", wanted, jobs, stops, crew=("p", "p"))


def crowd(
    seed: int, wanted: int, jobs: int, crew: Sequence[str], *, split: bool = True, service: str = DENSE["service"]
) -> Findings:
    """Several processes at once, killed again and again; for nothing `wanted` they live and are to keep the rate, and
    tasks take as long as `service` says.
    """
    random = Random(seed)
    projects = len(set(crew))
    name = f"{len(crew)} processes, {projects} project{'s' * (projects > 1)}"
    name += ", the same jobs" if projects > 1 and not split else ""
    if wanted:
        deadly = (killed(random, jobs) for _ in count())
        return campaign(f"{name}, killed", wanted, jobs, deadly, crew=crew, split=split)
    return campaign(
        name, 0, jobs, iter([Disturbance()] * len(crew)), crew=crew, split=split, **{**DENSE, "service": service}
    )


def faults(seed: int, wanted: int, jobs: int) -> Findings:
    """Connections break before and after requests are taken, or no answer comes; and wanflow is killed."""
    random = Random(seed)
    kinds = [{"kinds": ["reset_after", "reset_before", "hang", "hang_after"], "rate": 0.1, "on": ["submit"]}]
    kinds += [{"kinds": ["reset_before", "reset_after", "hang", "500"], "rate": 0.05, "on": ["query", "list"]}]
    kinds += [{"kinds": ["truncated", "corrupt", "reset_before"], "rate": 0.1, "on": ["download"]}]
    deadly = (killed(random, jobs) for _ in count())
    return campaign("requests break, and killed", wanted, jobs, deadly, faults=kinds)


def late(seed: int, wanted: int, jobs: int) -> Findings:
    """The provider takes half of all requests only after up to 200 s, whoever sent them lives or not."""
    random = Random(seed)
    deadly = (Disturbance("kill", ("long amid submit", random.randint(1, 2))) for _ in count())
    return campaign("requests are taken late, and killed", wanted, jobs, deadly, late=0.5)


def interrupts(seed: int, wanted: int, jobs: int) -> Findings:
    """Ctrl-C twice at a boundary of any kind: it ends in a few seconds, and the next run goes on."""
    random = Random(seed)
    return campaign("Ctrl-C twice", wanted, jobs, in_turn("interrupt", random, jobs))


def budget(seed: int, wanted: int, jobs: int) -> Findings:
    """Each run may pay for a few images only, connections break, and every second run is killed."""
    random = Random(seed)
    kinds = [{"kinds": ["reset_after", "reset_before", "hang_after", "500"], "rate": 0.1, "on": ["submit"]}]
    also = cycle([False, True])
    lives = (killed(random, jobs) if next(also) else Disturbance() for _ in count())
    return campaign("a cap on each run, and killed", wanted, jobs, lives, faults=kinds, most=max(2, jobs // 3))


# -- all of it

PAIR, QUARTET, TWO, FOUR = ("p",) * 2, ("p",) * 4, ("p", "q"), ("p", "p", "q", "q")


def long(seed: int, only: str = "") -> Iterator[Findings]:
    """Enough of it to trust in, or of one scenario alone."""
    parts = [
        partial(boundaries, seed, 210, 40),
        partial(moments, seed, 40, 40),
        partial(provider, seed, 24, 40),
        partial(full, seed, 36, 12),
        partial(clocks, seed, 48, 12),
        partial(pauses, seed, 44, 12),
        *(partial(crowd, seed, 0, 16, crew) for crew in (PAIR, QUARTET, TWO, FOUR)),
        *(partial(crowd, seed, 20, 16, crew) for crew in (PAIR, QUARTET, TWO)),
        partial(crowd, seed, 20, 16, TWO, split=False),
        partial(crowd, seed, 20, 16, FOUR),
        partial(faults, seed, 40, 12),
        partial(late, seed, 24, 12),
        partial(interrupts, seed, 40, 12),
        partial(budget, seed, 24, 12),
    ]
    if only not in ("", *(part.func.__name__ for part in parts)):
        raise ValueError(f"there is no scenario {only}")
    return (part() for part in parts if only in ("", part.func.__name__))
