"""Where a picture comes from: the results it was made by, from the last one back to the input images.

A picture is known by its content, so one that several keys made is told as the one of them that was asked for, else
as the one made last.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from wanflow.canon import JSON, digest, told
from wanflow.model import Blob, Result
from wanflow.record import money, stamp
from wanflow.settings import STORE
from wanflow.store.blobs import DIGEST, stat_of
from wanflow.store.history import Made, Making
from wanflow.store.index import Index
from wanflow.store.tasks import price

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A path of the project at which an image was read, and whether it still is there as it was."""

    path: str
    stands: bool


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A picture that a result made; `inputs` are digests by slot, in order, `region` that of a hint."""

    sha256: str
    made: Made

    @property
    def function(self) -> str:
        """What made it: wan/expand."""
        return str(self.made.components[1])

    @property
    def engine(self) -> str:
        """Who, in which version: draft:2, local:1, dashscope:MODEL."""
        return str(self.made.components[2])

    @property
    def parameters(self) -> Mapping[str, Any]:
        """With which parameters."""
        found = self.made.components[3]
        return found if isinstance(found, dict) else {}

    @property
    def inputs(self) -> dict[str, str]:
        """The digests of the pictures it was made from, by slot: image, mask, images.0, images.1, …"""
        return {slot: value for slot, value in self._slots() if DIGEST.fullmatch(value)}

    @property
    def region(self) -> str:
        """The hint's x, y, width and height, or empty."""
        return next((value for slot, value in self._slots() if not DIGEST.fullmatch(value)), "")

    @property
    def take(self) -> str:
        """The name of a further result of the same request; empty of the first."""
        take = self.made.components[5:6]
        return str(take[0][0] or "") if take and isinstance(take[0], list) and take[0] else ""

    @property
    def prompt(self) -> str:
        """What the provider made of the prompt, where it says so."""
        numbers = [number for number, blob in enumerate(self.made.result.blobs) if blob.sha256 == self.sha256]
        prompts = self.made.result.prompts
        return prompts[numbers[0]] if numbers and numbers[0] < len(prompts) else ""

    def _slots(self) -> list[tuple[str, str]]:
        found = self.made.components[4]
        slots = [(str(slot), str(value)) for slot, value in found.items()] if isinstance(found, dict) else []
        return sorted(
            slots, key=lambda slot: [part.zfill(9) if part.isdigit() else part for part in slot[0].split(".")]
        )


@dataclass(frozen=True, slots=True)
class Root:
    """A picture that nothing made, as far as is known: an input image, or one of which no more is remembered."""

    sha256: str
    places: tuple[Place, ...] = ()
    urls: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What to call it; empty where that is not known. Of a file beyond the project, no folder is told."""
        names = [place.path for place in sorted(self.places, key=lambda place: (not place.stands, place.path))]
        names = [posixpath.basename(name) if name.startswith(("../", "/")) else name for name in names]
        return next(iter([*names, *self.urls]), "")


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Every picture that one was made from, by digest, itself first; in the order in which a reader meets them."""

    sha256: str
    steps: Mapping[str, Ancestor]
    roots: Mapping[str, Root]

    def json(self, most_steps: int | None = None) -> dict[str, JSON]:
        """As it is written beside outputs (schema: schemas/provenance.schema.json); only so many steps, and the inputs
        that these take.
        """
        steps = list(self.steps.values())
        told_of = steps if most_steps is None else steps[:most_steps]
        taken = {sha256 for step in told_of for sha256 in step.inputs.values()}
        roots = [root for root in self.roots.values() if root.sha256 in taken or most_steps is None]
        return {
            "format_version": FORMAT_VERSION,
            "picture": self.sha256,
            "steps": [_step_json(step) for step in told_of],
            "inputs": [{"sha256": root.sha256, "name": root.name or None} for root in roots],
            "steps_left_out": len(steps) - len(told_of),
        }

    def text(self) -> str:
        """The same as a file's text."""
        return f"{told(self.json())}\n"

    def short(self, most_bytes: int) -> str:
        """The same on a line in ASCII, for metadata: as many of its steps, the last ones first, as have room there."""
        steps = len(self.steps)
        while len(escape(text := _line(self.json(steps)))) > most_bytes and steps:
            steps //= 2
        return text

    def digest(self) -> str:
        """What the text tells but for names of input images, so that moving one changes no file."""
        return digest([self.json()["steps"], FORMAT_VERSION])[:32]


def _line(value: JSON) -> str:
    return json.dumps(value, separators=(",", ":"))


def _step_json(step: Ancestor) -> dict[str, JSON]:
    made, making = step.made, step.made.making
    backend, _, version = step.engine.partition(":")
    return {
        "sha256": step.sha256,
        "key": made.key,
        "function": step.function,
        "backend": backend,
        "version": version,
        "parameters": dict(step.parameters),
        "prompt_used": step.prompt or None,
        "hint_region": step.region or None,
        "take": step.take or None,
        "inputs": step.inputs,
        "fidelity": made.result.fidelity,
        "warnings": list(made.result.warnings),
        "task_id": made.result.task_id,
        "images_paid": made.result.billed,
        "usd": money(made.usd),
        "recipe": making.recipe or None,
        "job": making.job or None,
        "run": making.run or None,
        "made": stamp(making.at) if making.at else None,
    }


def read_ancestry(told_of: Mapping[str, Any]) -> Ancestry:
    """The ancestry that a text tells which meets its schema. Raises ValueError for what makes no sense all the same."""
    steps = {step["sha256"]: Ancestor(step["sha256"], _made(step)) for step in told_of["steps"]}
    roots = {root["sha256"]: Root(root["sha256"], urls=_told(root["name"])) for root in told_of["inputs"]}
    named = {told_of["picture"], *(sha256 for step in steps.values() for sha256 in step.inputs.values())}
    return Ancestry(told_of["picture"], steps, {sha256: Root(sha256) for sha256 in named - steps.keys()} | roots)


def _made(step: Mapping[str, Any]) -> Made:
    inputs = step["inputs"] | ({"hint.region": step["hint_region"]} if step["hint_region"] else {})
    components = [1, step["function"], f"{step['backend']}:{step['version']}", step["parameters"], inputs]
    components += [[step["take"], 0]] if step["take"] else []
    prompts = _told(step["prompt_used"])
    blob = Blob(step["sha256"], 0, 0, "", 0)
    result = Result(
        (blob,), step["fidelity"], tuple(step["warnings"]), step["task_id"], step["images_paid"], tuple(prompts)
    )
    usd = None if step["usd"] is None else price(str(step["usd"]))
    at = datetime.fromisoformat(step["made"]) if step["made"] else None
    if at and not (at.tzinfo and 1970 <= at.year < 9000):
        raise ValueError("no moment")
    making = Making(step["recipe"] or "", step["job"] or "", step["run"] or "", at, usd)
    return Made(step["key"], components, result, making, kept=False)


def _told(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()


def trace(index: Index, root: Path, sha256: str, prefer: Collection[str] = ()) -> Ancestry:
    """The ancestry of a picture; of several results that made one, one of the `prefer` keys if there is one."""
    steps: dict[str, Ancestor] = {}
    roots: dict[str, Root] = {}
    # Depth first, without recursion: a chain may be as long as its project is old.
    waiting: list[tuple[str, frozenset[str]]] = [(sha256, frozenset())]
    while waiting:
        current, below = waiting.pop()
        if current in steps or current in roots:
            continue
        below |= {current}
        candidates = (Ancestor(current, made) for made in index.made(current))
        # An edit that changes nothing gives back its input, which then is no ancestor of itself.
        sound = [step for step in candidates if below.isdisjoint(step.inputs.values())]
        # Candidates of two requests are kept together, too; but their own request is the one with a date.
        sound.sort(key=lambda step: (step.made.making.at is None, step.made.key not in prefer))
        if not (chosen := next(iter(sound), None)):
            roots[current] = known_root(index, root, current)
            continue
        steps[current] = chosen
        waiting += [(picture, below) for picture in reversed(chosen.inputs.values())]
    return Ancestry(sha256, steps, roots)


def known_root(index: Index, root: Path, sha256: str) -> Root:
    """What is remembered of an input image."""
    places = tuple(_places(index, root, sha256))
    return Root(sha256, places, tuple(index.fetched_from(sha256)))


def _places(index: Index, root: Path, sha256: str) -> Iterator[Place]:
    for path in sorted(index.seen(sha256)):
        if path.startswith(f"{STORE}/"):
            continue
        known = index.file(path)
        yield Place(path, bool(known and known[1].sha256 == sha256 and stat_of(root / path) == known[0]))
