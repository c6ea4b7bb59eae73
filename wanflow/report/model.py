"""The values that a report's page is given: JSON, every text plain, every address relative to the page.

A page's script may only set them as text or attributes. Numbers of money are texts, since they are there to be read.
"""

from __future__ import annotations

from typing import TypedDict


class Picture(TypedDict):
    """A picture in a page: its digest and size in pixels, and where a small copy (at most 320 px a side) and a larger
    one (1280 px) lie: an address relative to the page, a data: URI, or "" when there is none; `note` says why.

    One that was not looked at has the size 0 x 0.
    """

    sha256: str
    width: int
    height: int
    thumb: str
    view: str
    alt: str
    note: str


class Error(TypedDict):
    """Why a job has no picture: the code, the words of who refused, and what helps (may be empty)."""

    code: str
    message: str
    remedy: str


class Attempt(TypedDict):
    """One try of a step with a gate: why it was unfit, empty where it wasn't, and what it cost, as text."""

    unfit: str
    usd: str


class Written(TypedDict):
    """An output file: its path in the project, and its address relative to the page (empty when it is not there)."""

    path: str
    href: str


class JobChange(TypedDict):
    """How a job differs from the run that a report compares with: `change` is same, changed, new or gone; the other
    run's pictures (those that went on), and each parameter that differs: name, old, new.
    """

    change: str
    pictures: list[Picture]
    params: list[tuple[str, str, str]]


class Job(TypedDict):
    """One step of one row. `pictures` are its candidates in order, of which the `picked` (numbers from 1) go on.

    `by` says who or what chose: "by hand", "by rule: sharpest"; `reused_from` is the id of the run that made it, empty
    where that is this one or not known. `seconds` is None where no work was done.
    """

    job: str
    step: str
    status: str
    function: str
    fidelity: str
    usd: str
    seconds: float | None
    task_id: str
    attempts: int
    warnings: list[str]
    tags: list[str]
    prompt: str
    params: list[tuple[str, str]]
    error: Error | None
    before: Picture | None
    pictures: list[Picture]
    picked: list[int]
    by: str
    tries: list[Attempt]
    outputs: list[Written]
    reused_from: str
    compare: JobChange | None


class Input(TypedDict):
    """A picture that no step made: what people call it, and which part of the recipe means it (row.photo)."""

    name: str
    slot: str
    picture: Picture | None


class Row(TypedDict):
    """A row with all that became of it; `statuses` are those of its jobs, each once, the worst first.

    `note` says what is not known of it, in words; mostly empty.
    """

    key: str
    place: str
    statuses: list[str]
    inputs: list[Input]
    jobs: list[Job]
    note: str


# A row for filter and search: its key, the number of its page, its statuses, its jobs' steps and tags, and a text to
# search in (lower case: key, place, names, prompts, codes).
IndexEntry = tuple[str, int, list[str], list[str], str]


class Step(TypedDict):
    """A step of the recipe, with what this run did: jobs by status, money as text, and seconds of work in all."""

    id: str
    function: str
    model: str
    needs: list[str]
    tags: list[str]
    lane: str
    per_run: bool
    counts: dict[str, int]
    usd: str
    seconds: float


class StatusName(TypedDict):
    """A way in which jobs end: its id, what people call it, and its kind: good, reused, waiting, bad or quiet."""

    id: str
    name: str
    kind: str


class Bar(TypedDict, total=False):
    """A job in a lane: `start` and `end` in seconds after the run's start, on the slot of that number (from 0).

    Where there are thousands, one bar stands for the `jobs` of a span of time (told only then).
    """

    start: float
    end: float
    slot: int
    job: str
    step: str
    status: str
    jobs: int


class Lane(TypedDict):
    """A lane: how many slots it has, and what they did when; `folded` jobs are told together with others."""

    name: str
    slots: int
    bars: list[Bar]
    folded: int


class Timeline(TypedDict):
    """When what was done; empty lanes where the record doesn't tell."""

    seconds: float
    lanes: list[Lane]


class Run(TypedDict):
    """Which run it is; moments as records tell them."""

    id: str
    recipe: str
    backend: str
    place: str
    started: str
    finished: str
    interrupted: bool
    exit_code: int | None


class Pages(TypedDict):
    """Rows come in pages of `size`."""

    size: int
    count: int
    rows: int


class Comparison(TypedDict):
    """The run that this one is compared with, in words, and how many jobs are same, changed, new, gone."""

    run: str
    summary: str
    counts: dict[str, int]


class ProblemText(TypedDict):
    """A problem of the recipe, the manifest or rows that this run went on without."""

    where: str
    message: str
    hint: str
    rows: list[str]
    row_count: int


class Fact(TypedDict):
    """One of the few numbers at the top of the page: what is counted, and the number as people say it."""

    name: str
    value: str
    note: str


class Head(TypedDict):
    """Everything of a report but its rows. `totals` are those of the run's record; `facts` are the same to be read."""

    title: str
    run: Run
    summary: str
    facts: list[Fact]
    totals: dict[str, float | None]
    notes: list[str]
    problems: list[ProblemText]
    steps: list[Step]
    statuses: list[StatusName]
    graph: str
    timeline: Timeline
    pages: Pages
    compare: Comparison | None
