"""A plan as a file: what was approved, job by job, so that a run does that and nothing else.

It holds no path of this machine and no secret, and it gives no leave: what it names is planned anew, as if its user had
typed it, within the bounds of the project; an address of the service or folders beyond the project have to be given
again. A run may do less than was approved, never more or other work, nor at a higher price; and only once.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from wanflow.amounts import exact
from wanflow.canon import JSON, lined
from wanflow.documents import schemas
from wanflow.documents.source import read_text
from wanflow.errors import RecipeError, RefusedError, UsageError, inline, quoted
from wanflow.language.expand import KEY_VERSION
from wanflow.language.selection import Wish
from wanflow.links.urls import Url
from wanflow.manifests.tables import read_json
from wanflow.model import Action, Decision, Source
from wanflow.planning.plan import Planner
from wanflow.planning.planned import Plan, RowPlan
from wanflow.planning.resolved import Request
from wanflow.project import PAYS_AGAIN, Options, Project
from wanflow.record import money

FORMAT_VERSION = 1
MAX_BYTES = 200_000_000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BEGINS = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"format_version"\s*:\s*\d+\s*,\s*"saved_plan"\s*:')
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_OPEN = (Action.RUN, Action.LATER)
_PART = {"function": str, "by": str, "parameters": dict, "inputs": dict, "chosen": dict}
_WISHES = ("select", "exclude", "until", "pilot")
_FLAGS = ("no_proxy", "force", "retry_refused", "top_up", "resubmit_uncertain")


@dataclass(frozen=True, slots=True)
class Saved:
    """An approved plan. `head` is everything but the jobs, `jobs` their requests by address; `shown` is what messages
    call its file.
    """

    head: Mapping[str, Any]
    jobs: Mapping[str, Request]
    entries: Sequence[Mapping[str, JSON]] = field(repr=False)
    shown: str = "the plan"

    @property
    def nonce(self) -> str:
        """What tells this plan from every other."""
        return str(self.head["saved_plan"])

    @property
    def recipe(self) -> str:
        """The recipe's file, from the project's folder."""
        return str(self.head["recipe"])

    @property
    def usd_worst(self) -> Decimal | None:
        """What was approved at most; None when no price was known."""
        usd = self.head["totals"]["usd_worst"]
        return None if usd is None else Decimal(str(usd))

    @property
    def unfetched(self) -> set[str]:
        """The URLs, by digest, whose pictures nobody knew: approved as whatever lies there."""
        taken = {symbol for request in self.jobs.values() for symbol in request.inputs.values()}
        return {digest for digest in self.head["fetches"] if f"?{digest}" in taken}

    def text(self) -> Iterator[str]:
        """The file's text, in pieces."""
        return lined(self.head, jobs=self.entries)

    def wish(self, given: Options, root: Path) -> Options:
        """What the plan was made with, in place of what a caller gave; the rest is the caller's. What may pay twice
        has to be said by both.

        Raises UsageError, RefusedError.
        """
        said = self.head["options"]
        agreed = [name for name in PAYS_AGAIN if said[name]]
        names = ("params", "manifest", "out", "backend", "region", *_FLAGS)
        twice = [name for name in names if getattr(given, name) and name not in agreed]
        twice += [] if given.wish.is_everything else ["the selection"]
        if twice:
            said_so = ", ".join(name.replace("_", "-") for name in twice)
            raise UsageError(f"{self.shown} says with what it was planned; leave out {said_so}, or plan anew")
        if unsaid := [f"--{name.replace('_', '-')}" for name in agreed if not getattr(given, name)]:
            flags = " ".join(unsaid)
            raise RefusedError(
                f"nothing was started: {self.shown} was made with {flags}, which may pay for what is paid for already. "
                f"A file gives no leave for that: say it again, wanflow run {self.shown} {flags}, or plan without"
            )
        several = {name: tuple(said[name]) for name in ("select", "exclude")}
        # What gives leave (addresses, folders, hosts, money) stays as the caller gave it.
        return replace(
            given,
            params=said["params"],
            manifest=root / said["manifest"] if said["manifest"] else None,
            out=root / said["out"] if said["out"] else None,
            backend=said["backend"],
            region=said["region"],
            wish=Wish(**several, until=said["until"], pilot=said["pilot"]),
            trusts_params=False,
            **{name: said[name] for name in _FLAGS},
        )


# -- writing


def saved(project: Project, planner: Planner, asked: Mapping[str, Request], made: datetime) -> Saved:
    """A plan to be approved; `asked` are the requests of all jobs. Raises UsageError for what can't be in a file."""
    plan = planner.plan
    entries = [_entry(plan, row, decision, asked) for row, decision in plan.looked_at() if _counts(decision)]
    head = {
        "format_version": FORMAT_VERSION,
        "saved_plan": secrets.token_hex(16),
        "made": made.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "recipe": _inside(project, project.recipe, "the recipe"),
        "options": _options(project),
        "place": plan.place,
        "totals": _totals(plan),
        "prices": prices(plan),
        "fetches": sorted(url.digest for url in plan.fetches),
        "files": sorted(files(plan)),
    }
    return Saved(head, {str(entry["job"]): _request(entry) for entry in entries}, entries)


def has_work(plan: Plan) -> bool:
    """Whether any job is to be done, so that it matters what jobs ask for."""
    return any(_counts(decision) for _, decision in plan.looked_at())


def _counts(decision: Decision) -> bool:
    """Whether a job is to be done, or has the work of another that is."""
    return decision.action in _OPEN or bool(decision.action is Action.REUSE and not decision.result and decision.key)


def _entry(plan: Plan, row: str, decision: Decision, asked: Mapping[str, Request]) -> dict[str, JSON]:
    address = f"{row}/{decision.step}"
    if address not in asked:
        raise UsageError(f"{address} can't be in a plan's file: what it asks for is known only once it runs")
    _, function, by, parameters, inputs, take = asked[address].parts
    usd, images = plan.terms[decision.step].usd, decision.images if decision.action in _OPEN else 0
    return {
        "job": address,
        "function": function,
        "by": by,
        "parameters": parameters,
        "inputs": inputs,
        "take": take,
        "chosen": dict(asked[address].chosen),
        "images": images,
        "usd": money(usd * images) if usd is not None else None if images else 0.0,
    }


def _options(project: Project) -> dict[str, JSON]:
    options = project.options
    if absolute := [name for name, value in options.params.items() if Path(value).is_absolute()]:
        raise UsageError(
            f"-p {absolute[0]} is a path of this machine, which can't be in a plan's file; give it from the recipe"
        )
    places = {
        name: _inside(project, project.here / given, f"--{name}") if (given := getattr(options, name)) else None
        for name in ("manifest", "out")
    }
    wish = {name: getattr(options.wish, name) for name in _WISHES}
    return {
        "params": dict(sorted(options.params.items())),
        **places,
        "backend": project.backend,
        "region": options.region,
        **{name: list(value) if isinstance(value, tuple) else value for name, value in wish.items()},
        **{name: getattr(options, name) for name in _FLAGS},
    }


def _inside(project: Project, path: Path, what: str) -> str:
    # Not resolved: a glob is no path, and what links lead to is judged when it is read.
    try:
        return Path(os.path.normpath(path)).relative_to(project.root).as_posix()
    except ValueError as error:
        raise UsageError(f"{what} lies outside the project's folder, and can't be in a plan's file") from error


def _totals(plan: Plan) -> dict[str, JSON]:
    totals = plan.totals
    return {
        "jobs": totals.run + totals.later,
        "paid_tasks": totals.paid_tasks,
        "images_paid": totals.images_paid,
        "currency": "USD",
        "unpriced": totals.unpriced,
        "usd_worst": None if totals.unpriced else money(totals.usd_worst),
    }


def prices(plan: Plan) -> dict[str, float | None]:
    """The price of an image of every model that the plan pays for."""
    paid = {str(step.model): plan.terms[step.id].usd for step in plan.steps if plan.to_pay(step.id)}
    return {model: money(usd) for model, usd in sorted(paid.items()) if usd is None or usd}


def files(plan: Plan) -> set[str]:
    """Every file that a run writes, or may write."""
    working = [entry for entry in plan.entries if isinstance(entry, RowPlan) and _works(entry)]
    return {path for entry in working for path in entry.paths.values()}


def _works(entry: RowPlan) -> bool:
    # An output that shows a picture as it is fetched hangs on no job.
    fetched = any(isinstance(source, Url) for source in entry.inputs)
    return bool(entry.restores) or fetched or any(_counts(decision) for decision in entry.decisions)


# -- reading


def is_saved(path: Path) -> bool:
    """Whether a file is a saved plan: by its name and first words, as a recipe never begins, or by its keys, where
    another program put them in another order. One of another version is one, too.
    """
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        if _BEGINS.match(begun := file.read(100)):
            return True
        if not _OBJECT.match(begun) or os.fstat(file.fileno()).st_size > MAX_BYTES:
            return False
        text = begun + file.read()
    if b'"saved_plan"' not in text:
        return False
    with suppress(ValueError, RecursionError):
        content = json.loads(text.decode("utf-8-sig"))
        return {"saved_plan", "jobs"} <= content.keys() and "wanflow" not in content
    return False


def read(path: Path, shown: str) -> Saved:
    """A saved plan that meets its schema, from whomever. Raises UsageError."""
    try:
        content = read_json(read_text(path, shown, MAX_BYTES))
    except RecipeError as error:
        raise UsageError(str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise UsageError(f"{shown} is no saved plan: it nests too deeply") from error
    except ValueError as error:
        raise UsageError(f"{shown} is no saved plan: {error}") from error
    if not isinstance(content, dict) or not isinstance(entries := content.pop("jobs", None), list):
        raise UsageError(f"{shown} is no saved plan: it has no list of jobs")
    if isinstance(version := content.get("format_version"), int) and version != FORMAT_VERSION:
        why = f"it has format_version {version}, and this one reads {FORMAT_VERSION}"
        raise UsageError(f"{shown} was made by another version of wanflow: {why}. Make the plan anew with this one")
    # The jobs are many and simple, so they are judged by hand.
    fault = next(schemas.faults({**content, "jobs": []}, schemas.load("saved-plan.schema.json")), "")
    fault = fault or next((f"jobs[{n}]: {wrong}" for n, entry in enumerate(entries) if (wrong := _wrong(entry))), "")
    if not fault and content["totals"]["usd_worst"] is None and not content["totals"]["unpriced"]:
        fault = "totals.usd_worst is missing, and every price is known"  # nothing would bound what its run pays
    if fault:
        raise UsageError(f"{shown} is no saved plan of this wanflow: {inline(fault)[:300]}")
    for name in ("recipe", *(name for name in ("manifest", "out") if content["options"][name])):
        _require_plain(shown, name, content["options"].get(name) or content["recipe"])
    return Saved(content, {entry["job"]: _request(entry) for entry in entries}, entries, shown)


def _require_plain(shown: str, name: str, path: str) -> None:
    if path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts or "\\" in path or ":" in path or "\0" in path:
        raise UsageError(f"{shown}: {name} must be a path within the project's folder, got {quoted(path)}")


def _wrong(entry: Any) -> str:
    if not isinstance(entry, dict) or not isinstance(entry.get("job"), str):
        return "it names no job"
    for name, kind in _PART.items():
        if not isinstance(entry.get(name), kind):
            return f"{name} is missing, or of the wrong kind"
    if not all(isinstance(symbol, str) for symbol in entry["inputs"].values()):
        return "inputs are no digests"
    if not _is_take(entry.get("take")):
        return "take is neither null nor a name and how many seeds it is ahead"
    if not all(map(_are_digests, entry["chosen"].values())):
        return "chosen are no digests"
    return ""


def _is_take(value: Any) -> bool:
    match value:
        case None:
            return True
        case [str() | None, int() as ahead]:
            return not isinstance(ahead, bool)
    return False


def _are_digests(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in value)


def _request(entry: Mapping[str, Any]) -> Request:
    parts = [KEY_VERSION, *(entry[name] for name in ("function", "by", "parameters", "inputs")), entry.get("take")]
    return Request(parts, entry["chosen"])


# -- holding a plan of now against it


def differences(approved: Saved, plan: Plan, asked: Mapping[str, Request]) -> list[str]:
    """In what a plan goes beyond what was approved, in words that name rows; empty when it may run."""
    found = [*_setting_differences(approved, plan), *_job_differences(approved, plan, asked)]
    found += [
        f"{path} would be written, and was not in the plan" for path in sorted(files(plan) - {*approved.head["files"]})
    ]
    unknown = {url for url in plan.fetches if url.digest not in approved.head["fetches"]}
    found += [f"{url} would be fetched, and was not in the plan" for url in sorted(map(str, unknown))]
    return [inline(line) for line in found]


def _setting_differences(approved: Saved, plan: Plan) -> Iterator[str]:
    if plan.place != approved.head["place"]:
        was = approved.head["place"] or "this machine"
        yield f"the work would be done at {plan.place or 'this machine'}, and was planned at {was}"
    for model, usd in prices(plan).items():
        if model not in approved.head["prices"]:
            yield f"an image of {model} costs {_price(usd)} now, and has no price in the plan"
        elif usd != (was := approved.head["prices"][model]):
            yield f"an image of {model} costs {_price(usd)} now, and {_price(was)} in the plan"
    totals, before = plan.totals, approved.head["totals"]
    worst = Decimal(str(money(totals.usd_worst)))
    if totals.unpriced > before["unpriced"]:
        yield f"the price of {totals.unpriced:,} images is not known now, and of {before['unpriced']:,} in the plan"
    elif approved.usd_worst is not None and worst > approved.usd_worst:
        yield f"it may cost {exact(worst)} now, and {exact(approved.usd_worst)} in the plan"


def _price(usd: float | None) -> str:
    return "an unknown amount" if usd is None else exact(Decimal(str(usd)))


def _job_differences(approved: Saved, plan: Plan, asked: Mapping[str, Request]) -> Iterator[str]:
    known = {request.identity for request in approved.jobs.values()}
    following: list[str] = []
    elsewhere: list[str] = []
    told = False
    for entry in (entry for entry in plan.entries if isinstance(entry, RowPlan)):
        for decision in filter(_counts, entry.decisions):
            address = f"{entry.key}/{decision.step}"
            request, before = asked.get(address), approved.jobs.get(address)
            if request and request.identity in known:
                elsewhere += _changes(address, request, before, entry) if before else ()
            elif decision.action not in _OPEN:
                continue
            elif request is None or before is None:
                why = "; ".join(map(str, decision.changes))  # since it was last done: no work for the plan
                yield f"{address} is not in the plan{f': {why}' if why else ''}"
                told = True
            elif changes := list(_changes(address, request, before, entry)):
                yield from changes
                told = True
            else:
                following.append(address)
    if following and not told:  # what leads to them is work of the plan, but of another row
        yield from elsewhere
        told = bool(elsewhere)
    if not told:  # what was made before them is stored already, or the file was changed by hand
        yield from (f"{address} takes a picture of other work than in the plan" for address in following)
    elif following:
        one = len(following) == 1
        yield f"{len(following):,} job{'' if one else 's'} take{'s' if one else ''} what these make"


def _changes(address: str, request: Request, before: Request, entry: RowPlan) -> Iterator[str]:
    """What a job asks for now and did not, with the names of its files."""
    if changes := request.changes(before):
        files = {source.blob.sha256: source.name for source in entry.inputs if isinstance(source, Source)}
        for change in changes:
            file = files.get(request.inputs.get(change.field, ""))
            yield f"{address}: {change}{f' ({file})' if file else ''}"
