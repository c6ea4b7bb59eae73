"""The rows of a report, made of what is known of their jobs. Every text in them is fit to be shown."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from wanflow.canon import canonical
from wanflow.errors import inline, printable
from wanflow.model import Status
from wanflow.reporting.lookup import Found, Lookup, Seen
from wanflow.reporting.model import Attempt, Error, Input, Job, JobChange, ParamChange, Picture, Row, Written
from wanflow.reporting.records import Entry, RowEntry
from wanflow.settings import STORE
from wanflow.store.blobs import DIGEST, Blobs
from wanflow.store.index import Index
from wanflow.telling.remedies import remedied
from wanflow.telling.worddiff import compared, shortened
from wanflow.telling.words import dollars, duration

GONE = "gone"
# Statuses from the worst to the best; "gone" is what only the run has that this one is compared with.
ORDER = (
    Status.FAILED,
    Status.REFUSED,
    Status.BLOCKED,
    Status.LEFT,
    Status.NOT_STARTED,
    Status.PARKED,
    Status.DONE,
    Status.REUSED,
    Status.SKIPPED,
    Status.EXCLUDED,
    GONE,
)
CHANGES = ("same", "changed", "new", GONE)
UNPRICED = "price not known"
# A text of a job that is longer than any prompt is told by its beginning.
MOST_LETTERS = 8_000
# What people are told of a picture that is not what the model would make: one is stamped so.
FIDELITIES = {"proxy": "draft", "approximate": "approximate"}
# What a plan says of jobs behind one that it refused, which tells less than that one's words do.
_SEE = "see the problems of this row"


@dataclass
class Album:
    """The pictures that rows show: by digest, where each may lie, and the values that stand for it."""

    root: Path
    index: Index
    blobs: Blobs
    paths: dict[str, list[str]] = field(default_factory=dict)
    shown: dict[str, list[Picture]] = field(default_factory=dict)

    def picture(self, seen: Seen, alt: str, *names: str) -> Picture:
        """A picture to be shown, which may lie in these files of the project, too."""
        made = Picture(
            sha256=seen.sha256, width=seen.width, height=seen.height, thumb="", view="", alt=inline(alt), note=""
        )
        self.shown.setdefault(seen.sha256, []).append(made)
        if seen.sha256 not in self.paths:
            self.paths[seen.sha256] = [str(self.blobs.path(seen.sha256))]
        self.paths[seen.sha256] += [f"{self.root}/{name}" for name in names]
        return made

    def take(self) -> dict[str, list[Picture]]:
        """Those since the last call of this."""
        shown, self.shown = self.shown, {}
        return shown

    def places(self, sha256: str) -> list[str]:
        """Where a picture may lie; what the index remembers is asked only where it lies nowhere else."""
        paths = list(dict.fromkeys(self.paths.pop(sha256, [])))
        if DIGEST.fullmatch(sha256) and not any(map(os.path.isfile, paths)):
            paths += [f"{self.root}/{name}" for name in self.index.seen(sha256)]
            paths += [f"{self.root}/{written.path}" for written in self.index.written(sha256)]
        return paths


class Rows:
    """The rows of one run, and of the one that it is compared with. `folder` is where the page will lie."""

    def __init__(self, lookup: Lookup, other: Lookup | None, album: Album, folder: Path) -> None:
        self.lookup, self.other, self.album, self._folder = lookup, other, album, folder
        self._is_old = lookup.record.is_old or (other is not None and other.record.is_old)
        self._hints = _hints(lookup.record.head.get("problems", ()))

    def __len__(self) -> int:
        return len(self.lookup.record.rows) + len(self._gone())

    def __iter__(self) -> Iterator[Row]:
        for row in self.lookup.record.rows.values():
            yield self._row(row)
        for row in self._gone():
            yield self._gone_row(row)

    def _gone(self) -> list[RowEntry]:
        mine = self.lookup.record.rows
        return [row for row in self.other.record.rows.values() if row.key not in mine] if self.other else []

    def _row(self, row: RowEntry) -> Row:
        told, found = self.lookup.told(row), list(self.lookup.jobs(row))
        theirs = self._theirs(row.key)
        inputs = self._inputs(row.key, told, found)
        sizes = {picture["sha256"]: picture for one in inputs if (picture := one["picture"])}
        known = {sha256: Seen(sha256, picture["width"], picture["height"]) for sha256, picture in sizes.items()}
        known |= {seen.sha256: seen for _, one in found for seen in one.pictures}
        jobs = [self._job(row.key, step, one, known, theirs.pop(str(step["id"]), None)) for step, one in found]
        jobs += [self._gone_job(row.key, step, one) for step, one in theirs.values() if one.shown]
        lost = row.shape.strip("x") and told is row
        note = "nothing changed in this row, and no record is left of the run that made its pictures" if lost else ""
        return Row(
            key=inline(row.key), place=inline(told.place), statuses=_statuses(jobs), inputs=inputs, jobs=jobs, note=note
        )

    def _theirs(self, row: str) -> dict[str, tuple[Entry, Found]]:
        entry = self.other.record.rows.get(row) if self.other else None
        return (
            {str(step["id"]): (step, found) for step, found in self.other.jobs(entry)} if self.other and entry else {}
        )

    def _gone_row(self, row: RowEntry) -> Row:
        assert self.other  # noqa: S101 - told to mypy; only called with one
        told, found = self.other.told(row), list(self.other.jobs(row))
        jobs = [self._gone_job(row.key, step, one) for step, one in found]
        note = "only in the run that this one is compared with"
        inputs = self._inputs(row.key, told, found)
        return Row(key=inline(row.key), place=inline(told.place), statuses=[GONE], inputs=inputs, jobs=jobs, note=note)

    # -- pictures that no step made

    def _inputs(self, key: str, told: RowEntry, found: Sequence[tuple[Entry, Found]]) -> list[Input]:
        if told.inputs or not self._is_old:
            return [self._input(key, entry) for entry in told.inputs]
        # A record of an older version doesn't tell; what the first jobs took, and none made, came with the row.
        made = {seen.sha256 for _, one in found for seen in one.pictures}
        given = {sha256: slot for _, one in found for slot, sha256 in one.inputs.items() if sha256 not in made}
        return [self._old_input(key, sha256, slot) for sha256, slot in given.items()]

    def _input(self, key: str, entry: Entry) -> Input:
        seen = Seen(entry["sha256"], entry["width"], entry["height"])
        ref = str(entry["ref"])
        picture = self.album.picture(seen, f"{key}: {ref}", str(entry["path"]))
        return Input(name=inline(str(entry["name"])), slot=inline(ref), picture=picture)

    def _old_input(self, key: str, sha256: str, slot: str) -> Input:
        names = [name for name in self.album.index.seen(sha256) if not name.startswith(f"{STORE}/")]
        picture = self.album.picture(Seen(sha256), f"{key}: {slot}", *names)
        return Input(name=inline(next(iter(names), "")), slot=inline(slot), picture=picture)

    # -- jobs

    def _job(
        self, row: str, step: Entry, found: Found, known: Mapping[str, Seen], theirs: tuple[Entry, Found] | None
    ) -> Job:
        outcome, name = found.outcome, str(step["id"])
        worked = [float(span[1]) for span in outcome.get("worked", ())] if not found.of else []
        seconds = sum(worked) or (float(outcome.get("seconds", 0)) if found.status == Status.DONE else 0) or None
        prompt, params = _told_parameters(found)
        work = seconds is not None or found.status != Status.REUSED
        label = _label(name)
        return Job(
            job=inline(f"{row}/{name}"),
            label=label,
            step=inline(name),
            status=found.status,
            function=inline(str(outcome.get("function") or step["function"])),
            fidelity=FIDELITIES.get(_fidelity(found), ""),
            usd=_usd(outcome.get("usd", 0)) if outcome and not found.of else "",
            seconds=None if seconds is None else round(seconds, 3),
            time="" if seconds is None else duration(seconds),
            task_id=inline(str(outcome.get("task_id") or (found.made and found.made.result.task_id) or "")),
            attempts=int(outcome.get("attempts", 0)) if work and not found.of else 0,
            warnings=[printable(str(warning)) for warning in outcome.get("warnings", ())],
            tags=[inline(str(tag)) for tag in step.get("tags", ())],
            prompt=prompt,
            params=params,
            error=self._error(row, found),
            before=None if step.get("per_run") else self._before(row, label, found, known),
            pictures=self._pictures(row, label, found.pictures, outcome),
            picked=list(found.picked),
            by=_by(outcome, found),
            tries=[
                self._attempt(f"{row}, {label}", number, one) for number, one in enumerate(outcome.get("tries", ()), 1)
            ],
            outputs=[self._written(str(file["path"])) for file in outcome.get("outputs", ()) if _is_visible(file)],
            reused_from=_reused_from(found),
            compare=self._change(row, label, found, theirs) if self.other else None,
        )

    def _gone_job(self, row: str, step: Entry, found: Found) -> Job:
        prompt, params = _told_parameters(found)
        label = _label(str(step["id"]))
        pictures = self._pictures(row, f"{label}, other run", found.shown, found.outcome)
        made = self._job(row, step, Found(GONE, {}, None, {}, {}), {}, None)
        made["prompt"], made["params"] = prompt, params
        made["compare"] = JobChange(change=GONE, pictures=pictures, params=[])
        return made

    def _attempt(self, what: str, number: int, tried: Entry) -> Attempt:
        blobs = self.lookup.made_by(tried["key"]) if tried["unfit"] else ()
        picture = self.album.picture(blobs[0], f"{what}, try {number}") if blobs else None
        return Attempt(unfit=printable(str(tried["unfit"])), usd=_usd(tried["usd"]), picture=picture)

    def _before(self, row: str, label: str, found: Found, known: Mapping[str, Seen]) -> Picture | None:
        if not found.base or not (found.pictures or found.status in (Status.FAILED, Status.SKIPPED, Status.REFUSED)):
            return None
        return self.album.picture(known.get(found.base, Seen(found.base)), f"{row}, before {label}")

    def _pictures(self, row: str, label: str, pictures: Sequence[Seen], outcome: Entry) -> list[Picture]:
        of = f" of {len(pictures)}" if len(pictures) > 1 else ""
        files: dict[str, list[str]] = {}
        for file in outcome.get("outputs", ()):
            files.setdefault(file["sha256"], []).append(str(file["path"]))
        return [
            self.album.picture(seen, f"{row}, {label}{f', {number}{of}' if of else ''}", *files.get(seen.sha256, ()))
            for number, seen in enumerate(pictures, start=1)
        ]

    def _written(self, path: str) -> Written:
        name = posixpath.normpath(path)
        inside = not name.startswith(("../", "/")) and name != ".."
        target = self.album.root / name
        there = inside and target.is_file()
        up = _way(self._folder, target) if there else ""
        return Written(path=inline(path), href=quote(up, safe="/") if up else "")

    def _error(self, row: str, found: Found) -> Error | None:
        if found.of or not (error := found.outcome.get("error")):
            return None
        code, message = str(error["code"]), str(error["message"])
        message, remedy = remedied(code, message)
        for words, hint in self._hints.get(row, ()) if code == "Refused" else ():
            if message == _SEE or words in message:
                message, remedy = words if message == _SEE else message, hint or remedy
                break
        return Error(code=inline(code), message=printable(message), remedy=printable(remedy))

    # -- against another run

    def _change(self, row: str, label: str, mine: Found, theirs: tuple[Entry, Found] | None) -> JobChange:
        step, other = theirs or ({}, None)
        before = [seen.sha256 for seen in other.shown] if other else []
        now = [seen.sha256 for seen in mine.shown]
        if other is None:
            change = "new"
        elif now == before:
            change = "same" if now or mine.status == other.status else "changed"
        else:
            change = "changed" if now and before else "new" if now else GONE
        shows = other is not None and change in ("changed", GONE)
        pictures = self._pictures(row, f"{label}, other run", other.shown, other.outcome) if other and shows else []
        params = list(_differences(other, step, mine)) if other else []
        return JobChange(change=change, pictures=pictures, params=params)


def _way(folder: Path, target: Path) -> str:
    """The address of a file from a folder, for a browser."""
    try:
        return os.path.relpath(target, folder).replace(os.sep, "/")
    except ValueError:  # another drive
        return ""


def _statuses(jobs: Iterable[Job]) -> list[str]:
    found = {job["status"] for job in jobs}
    return [str(status) for status in ORDER if status in found] or [str(Status.EXCLUDED)]


def _label(step: str) -> str:
    """A step as it stands over a picture: look · book-0.4."""
    name, _, cell = step.partition("@")
    return inline(f"{name} · {cell}" if cell else name)


def _hints(problems: Iterable[Any]) -> dict[str, list[tuple[str, str]]]:
    """What is known to be wrong with rows, and what helps, by row."""
    found: dict[str, list[tuple[str, str]]] = {}
    for problem in problems:
        for row in problem.get("rows", ()):
            found.setdefault(str(row), []).append((str(problem.get("message", "")), str(problem.get("hint", ""))))
    return found


def _told_parameters(found: Found) -> tuple[str, list[tuple[str, str]]]:
    """A job's prompt, and its other parameters."""
    prompt = found.parameters.get("prompt")
    params = [(inline(str(name)), _value(value)) for name, value in found.parameters.items() if name != "prompt"]
    used = [text for text in dict.fromkeys(found.made.result.prompts if found.made else ()) if text and text != prompt]
    params += [("prompt used", _cut(printable(text))) for text in used]
    return _cut(printable(str(prompt))) if prompt else "", params


def _value(value: object) -> str:
    return _cut(printable(value) if isinstance(value, str) else inline(canonical(value)))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def _differences(other: Found, step: Entry, mine: Found) -> Iterator[ParamChange]:
    function, before = mine.outcome.get("function"), other.outcome.get("function") or step.get("function")
    pairs = [("function", before, function)] if function and before else []
    names = dict.fromkeys([*other.parameters, *mine.parameters])
    if other.parameters and mine.parameters:  # of one that isn't known, not everything changed
        pairs += [(name, other.parameters.get(name), mine.parameters.get(name)) for name in names]
    for name, old, new in pairs:
        if old != new:
            parts = shortened(compared(_shown(old), _shown(new)))
            yield inline(str(name)), [(part.kind.value, part.text) for part in parts]


def _shown(value: object) -> str:
    return "" if value is None else _value(value)


def _fidelity(found: Found) -> str:
    return str(found.outcome.get("fidelity") or (found.made.result.fidelity if found.made else ""))


def _usd(usd: object) -> str:
    return UNPRICED if usd is None else dollars(Decimal(str(usd))) if usd else ""


def _by(outcome: Entry, found: Found) -> str:
    by = outcome.get("picked_by")
    if not by or not (found.picked or by == "frozen"):
        return ""
    return {"hand": "picked by hand", "frozen": "frozen"}.get(by, f"picked by rule: {inline(str(by))}")


def _reused_from(found: Found) -> str:
    if found.status != Status.REUSED:
        return ""
    return inline((found.made.making.run if found.made else "") or found.of)


def _is_visible(file: Entry) -> bool:
    return not str(file["path"]).startswith(f"{STORE}/")
