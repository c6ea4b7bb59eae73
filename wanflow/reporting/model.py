"""The values that a report's page is given: JSON, every text fit to be shown, every address relative to the page.

A page's script may only set them as text or attributes. Numbers of money are texts, since they are there to be read.
"""

from __future__ import annotations

from typing import TypedDict


class Picture(TypedDict):
    """A picture in a page: its digest and size in pixels (that of the small copy where its own is not known, 0 x 0
    where there is none), and the addresses of a small copy and of a larger one, empty where there is none; then `note`
    says why.
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
    """One try of a step with a gate: why it was unfit, empty where it wasn't, what it cost, and the unfit picture."""

    unfit: str
    usd: str
    picture: Picture | None


class Written(TypedDict):
    """An output file: its path in the project, and its address, percent-encoded; empty where it is not there."""

    path: str
    href: str


# A parameter that differs: its name, and the parts of both values (kind: same, old or new; text).
ParamChange = tuple[str, list[tuple[str, str]]]


class JobChange(TypedDict):
    """How a job differs from the run that a report compares with: `change` is same, changed, new or gone; the other
    run's pictures that went on, and each parameter that differs.
    """

    change: str
    pictures: list[Picture]
    params: list[ParamChange]


class Job(TypedDict):
    """One step of one row: `job` is its address, `label` what stands over its picture. `pictures` are its candidates in
    order, of which the `picked` (numbers from 1) go on, as `by` chose.

    `reused_from` is the run that made it, empty where that is this one or not known. `seconds` (in words: `time`) is
    None where no work was done. `fidelity` is "draft" of a stamped picture, or "approximate", or empty.
    """

    job: str
    label: str
    step: str
    status: str
    function: str
    fidelity: str
    usd: str
    seconds: float | None
    time: str
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

    `note` says what is not known of it; mostly empty.
    """

    key: str
    place: str
    statuses: list[str]
    inputs: list[Input]
    jobs: list[Job]
    note: str


# A row for filter and search: its key, the number of its page, its jobs (step and status by their places in the head,
# and with a comparison 0 same, 1 changed, 2 new, 3 gone), and a text to search in.
IndexEntry = tuple[str, int, list[list[int]], str]


class Step(TypedDict):
    """A step of the recipe, with what this run did: jobs by status, money, and seconds of work in all."""

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
    time: str


class StatusName(TypedDict):
    """A way in which jobs end: its id, what people call it, and its kind: good, reused, waiting, bad or quiet."""

    id: str
    name: str
    kind: str


class Failure(TypedDict):
    """Jobs that ended alike: how many, and the first of their rows with their pages."""

    step: str
    status: str
    code: str
    message: str
    remedy: str
    count: int
    rows: list[tuple[str, int]]


# A job at work: seconds after the run's start. Where there are thousands, one stands for several `jobs`.
Bar = TypedDict(
    "Bar",
    {
        "from": float,
        "to": float,
        "job": str,
        "row": str,
        "page": int,
        "step": str,
        "status": str,
        "time": str,
        "jobs": int,
    },
)


class Lane(TypedDict):
    """A lane: how many slots it has, and what was done in it when; `folded` jobs are told together with others."""

    name: str
    slots: int
    bars: list[Bar]
    folded: int


class Timeline(TypedDict):
    """When what was done; no lanes where the record doesn't tell."""

    seconds: float
    lanes: list[Lane]


class Run(TypedDict):
    """Which run it is; `when` it was in words."""

    id: str
    recipe: str
    backend: str
    place: str
    started: str
    finished: str
    when: str
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


class Head(TypedDict):
    """Everything of a report but its rows. `totals` are those of the run's record; `figures` (name, value, note) are
    the large ones of them, to be read.
    """

    title: str
    run: Run
    summary: str
    figures: list[tuple[str, str, str]]
    totals: dict[str, float | None]
    notes: list[str]
    problems: list[ProblemText]
    failures: list[Failure]
    failures_left: int
    steps: list[Step]
    statuses: list[StatusName]
    graph: str
    timeline: Timeline
    pages: Pages
    compare: Comparison | None
