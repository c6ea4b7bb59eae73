"""The values that flow: rows, jobs, decisions, outcomes. Frozen, with enums for states and units in names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Protocol

from wanflow.errors import EditError
from wanflow.links import datauris, urls

# In an address it stands where a row's key does: run/sheet. No row may have it.
RUN = "run"
# How many characters a row may hold, and so any cell of it, but for one that is a picture itself.
MAX_CELL = 65_536


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a manifest: its key, values, place, and the text that tells whether it changed.

    `place` is what messages call it: photos.csv:3, or the file that a glob found.
    """

    key: str
    values: Mapping[str, Any]
    line: int
    text: str
    place: str = ""


class RefKind(Enum):
    """Where an image comes from."""

    ROW = "row"
    PARAM = "params"
    FILE = "file"
    URL = "url"
    STEP = "steps"
    INPUT = "inputs"


@dataclass(frozen=True, slots=True)
class Ref:
    """An edge of the graph: `steps.colorize`, `row.photo`, `params.logo`, `file:logo.png` or a URL.

    `every` is for `steps.look.all`: the ids of all the steps whose pictures are meant. What a recipe that another one
    uses takes as `inputs.photo` is none of a job's: there, what the other one gives has taken its place.
    """

    kind: RefKind
    name: str
    every: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind is RefKind.URL:
            return datauris.shown(self.name) if datauris.is_data(self.name) else urls.shown(self.name)
        glue = ":" if self.kind is RefKind.FILE else "."
        return f"{self.kind.value}{glue}{self.name}{'.all' if self.every else ''}"

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps whose pictures are meant."""
        return (self.every or (self.name,)) if self.kind is RefKind.STEP else ()

    @property
    def each(self) -> tuple[Ref, ...]:
        """The same, a reference a step."""
        return tuple([Ref(RefKind.STEP, step, (step,)) for step in self.every]) if self.every else (self,)


@dataclass(frozen=True, slots=True)
class Blob:
    """An image known by the sha256 of its bytes, with what planning needs to know of it."""

    sha256: str
    width: int
    height: int
    format: str
    size_bytes: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells a changed file from an unchanged one without reading it."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Source:
    """An image file of this machine: where it lies, its content, and the stat it had when that was read.

    The stat is None for a file so young that it may change again within one tick of the file system's clock. What came
    from a URL or a data URI lies in the store, and is `shown` by where it came from.
    """

    path: str
    blob: Blob
    stat: FileStat | None = None
    shown: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.shown or self.path


@dataclass(frozen=True, slots=True)
class Take:
    """One of several results of the same request: its name, and how many seeds it is ahead of the request's own."""

    name: str | None = None
    ahead: int = 0


FIRST = Take()


class Action(StrEnum):
    """What a run would do with a job."""

    RUN = "run"
    REUSE = "reuse"
    LATER = "later"
    SKIP = "skip"


class Reason(StrEnum):
    """Why; the closed list."""

    NEW = "new"
    INPUT_CHANGED = "input_changed"
    PARAMS_CHANGED = "params_changed"
    FUNCTION_CHANGED = "function_changed"
    MODEL_CHANGED = "model_changed"
    OUTPUT_MISSING = "output_missing"
    OUTPUT_MODIFIED = "output_modified"
    UPSTREAM = "upstream"
    FETCH = "fetch"
    FORCED = "forced"
    IN_FLIGHT = "in_flight"
    UNCERTAIN = "uncertain"
    CACHED = "cached"
    BYPASSED = "bypassed"
    SKIPPED = "skipped"
    REFUSED = "refused"
    MODERATED = "moderated"
    EXCLUDED = "excluded"
    UNFIT = "unfit"
    REROLLED = "rerolled"
    PARKED = "parked"
    PICK_CHANGED = "pick_changed"
    TAKE = "take"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs from the last run of the same job; texts as a person reads them."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field}: {self.old} → {self.new}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a job made and the store remembers: the images, and what should be known about them.

    `billed` images were paid for to the provider, under `task_id` where it gave one; `prompts` are what it made of the
    prompt, an image each, where it says so.
    """

    blobs: tuple[Blob, ...]
    fidelity: str
    warnings: tuple[str, ...] = ()
    task_id: str | None = None
    billed: int = 0
    prompts: tuple[str, ...] = ()

    @property
    def is_paid(self) -> bool:
        """Whether it was paid for, by this run or another. What a provider answers at once has no task."""
        return bool(self.task_id or self.billed)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What goes on of a result: `pictures`, the best first, and `every`, which is what steps.ID.all means.

    While a person has to choose first, `pictures` is empty; `stale` when what was chosen is no candidate any more.
    `candidates` is empty where there was nothing to choose among.
    """

    pictures: tuple[Blob, ...]
    every: tuple[Blob, ...]
    candidates: tuple[Blob, ...] = ()
    stale: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a person has to choose first."""
        return not self.pictures


@dataclass(frozen=True, slots=True)
class Ending:
    """How a paid task ended: the images billed, or the error of one that failed at no cost or can't be had any more.

    `state` is the backend's own knowledge of a task that succeeded, `seconds` the work on it if that is told.
    """

    error: EditError | None
    billed: int
    state: Any = None
    seconds: float | None = None


class Listed(Protocol):
    """A line of a provider's list of tasks."""

    @property
    def task_id(self) -> str:
        """The task's id."""

    @property
    def created_at(self) -> datetime | None:
        """When it was submitted."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a provider: a name for folders that tells nothing of the key, and one for people."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one job, and why; how many images it asks for, or would after a pick; what goes on of it;
    `usd_reserved` are set aside, or spent, for a task of it that was sent before (None: not known). `instead` of the
    picture of a step that is bypassed, this one goes on.

    `tried` are the keys of stored pictures that failed the step's gate, in the order in which they were made; `rerolls`
    says how many times as many images as its step's candidates may be made beyond that.
    """

    step: str
    action: Action
    reason: Reason
    changes: tuple[Change, ...] = ()
    key: str | None = None
    result: Result | None = None
    note: str = ""
    images: int = 1
    chosen: Chosen | None = None
    usd_reserved: Decimal | None = Decimal(0)
    instead: Ref | None = None
    tried: tuple[str, ...] = ()
    rerolls: int = 0

    @property
    def failed_gate(self) -> bool:
        """Whether its own pictures are not as expected, not one that it needs."""
        return self.reason is Reason.UNFIT and self.key is not None


@dataclass(frozen=True, slots=True)
class Call:
    """One job resolved for an executor: everything that decides its result, and where the inputs' bytes lie.

    `inputs` maps a slot (image, mask, images.0, hint.mask) to a file path and the sha256 that its bytes must have;
    `region` is the hint's x, y, width and height; `pixels` are those of the largest picture in it, 0 when not known.
    """

    key: str
    function: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, tuple[str, str]]
    region: tuple[int, int, int, int] | None = None
    model: str | None = None
    pixels: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a lane allows: `slots` jobs at work at once, `ahead` more waiting in the provider's queue so that its
    slots never idle, and `per_second` starts (None: no limit).
    """

    slots: int
    per_second: float | None = None
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one image as the provider names it, and in USD."""

    amount: Decimal
    currency: str
    usd: Decimal
    date: str
    source: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a backend says of a step before doing it: what its pictures are at worst (real, approximate, proxy), the
    price of one in USD (None when it isn't known), how long one usually takes, and the lane whose limits it keeps.
    `paid` work goes to somebody's account and needs consent, whatever price a project gives for it; `price` is what the
    provider's list says, `price_source` tells people where `usd` is from, `learnt` from how many jobs the seconds are
    known (0: they are documented). `spread` is how far they go off the middle, as a part of it; their ends go `unseen`
    for so long.
    """

    fidelity: str
    usd: Decimal | None
    seconds: float
    lane: str
    limits: Limits
    paid: bool = False
    price: Price | None = None
    price_source: str = ""
    learnt: int = 0
    spread: float = 0.0
    unseen: float = 0.0


@dataclass(frozen=True, slots=True)
class Publication:
    """One user-visible file: which step's picture (or input) goes where, and how it is encoded.

    The path is relative to the project, as is every path that is recorded. `provenance` is embed or sidecar where the
    picture's ancestry is told in the file, or is all of it; `keys` are those of its row, to tell it by.
    """

    name: str
    path: str
    source: Blob
    step: str | None
    quality: int | None = None
    provenance: str | None = None
    keys: frozenset[str] = frozenset()


class Status(StrEnum):
    """How a job ended."""

    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    REFUSED = "refused"
    NOT_STARTED = "not_started"
    LEFT = "left_in_flight"
    EXCLUDED = "excluded"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that appeared (or already stood) in the output folder, or a stored picture."""

    path: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Try:
    """A picture that a step's gate judges: what this run paid for it, and why it is unfit, empty where it isn't."""

    key: str
    task_id: str | None = None
    usd: Decimal | None = Decimal(0)
    unfit: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of one job. `tries` are all that its gate had to judge; `usd` is the price of all of them.

    `worked` are the spans of time in which it was at work: seconds after the run's start, and how many. `chosen` is
    what goes on of its candidates, `picked_by` who chose (hand, frozen, or the rule); `request` the key parts of one
    that has no result, of which the store knows nothing.
    """

    job: str
    function: str
    status: Status
    key: str | None = None
    outputs: list[OutputFile] = field(default_factory=list)
    attempts: int = 0
    task_id: str | None = None
    usd: Decimal | None = Decimal(0)
    seconds: float = 0.0
    fidelity: str | None = None
    warnings: tuple[str, ...] = ()
    error_code: str | None = None
    error_message: str | None = None
    tries: tuple[Try, ...] = ()
    images: int = 0
    worked: list[list[float]] = field(default_factory=list)
    chosen: Chosen | None = None
    picked_by: str | None = None
    request: str = ""


@dataclass(slots=True)
class Totals:
    """Counts and money of a plan: `usd` is what surely runs, `usd_expected` what runs if every later job does, each
    done once, `usd_worst` the same with everything that may have to be paid again. None of these has what was reserved
    for the jobs that are `in_flight` or `uncertain`, which is told apart.
    `picks` are open ones, `parked` the jobs that wait for them; `images_after` and `usd_after` (None: no price is
    known) what those may make and cost.
    """

    jobs: int = 0
    run: int = 0
    reuse: int = 0
    later: int = 0
    skip: int = 0
    paid_tasks: int = 0
    images: int = 0
    images_paid: int = 0
    rerolls: int = 0
    images_rerolled: int = 0
    usd: Decimal = Decimal(0)
    usd_expected: Decimal = Decimal(0)
    usd_worst: Decimal = Decimal(0)
    seconds: float = 0.0
    seconds_worst: float = 0.0
    restore: int = 0
    unpriced: int = 0
    in_flight: int = 0
    uncertain: int = 0
    usd_reserved: Decimal = Decimal(0)
    usd_uncertain: Decimal = Decimal(0)
    parked: int = 0
    picks: int = 0
    images_after: int = 0
    images_paid_after: int = 0
    usd_after: Decimal | None = Decimal(0)
