"""Further images of a request that was made before: what it asks for then, and what comes of both together.

Where a step wants more candidates than it has, because the recipe now says more or some never came, only the missing
are asked for, by the seeds that follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wanflow.canon import JSON, canonical
from wanflow.language.expand import Job, key_of, key_parts
from wanflow.model import FIRST, Result, Take

# Seeds run from 0 to 2147483647.
SEEDS = 1 << 31


@dataclass(frozen=True, slots=True)
class Begun:
    """What is there of a request under `key`, and how many images are still wanted (none: there are enough)."""

    key: str
    result: Result
    missing: int

    @property
    def ahead(self) -> int:
        """How many seeds the next image is ahead of the first."""
        return len(self.result.blobs)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the key that it is known by, what that is made of, and the parameters that are sent."""

    key: str
    parts: str
    parameters: Mapping[str, Any]


def asked(
    job: Job, head: str, symbols: Mapping[str, str], take: Take, begun: Begun | None = None, *, seeded: bool
) -> Asked:
    """The request for a job, or for what is missing of it; `seeded` where one without a seed has the seed 0."""
    if begun is None and take is FIRST:
        parts = key_parts(head, job.parameters_text, symbols)
        return Asked(key_of(parts), parts, job.parameters)
    parameters, text = dict(job.parameters), job.parameters_text
    if begun:
        take = replace(take, ahead=take.ahead + begun.ahead)
        parameters = {name: value for name, value in parameters.items() if name != "n"}
        parameters |= {"n": begun.missing} if begun.missing > 1 else {}
        text = canonical(parameters)
    parts = key_parts(head, text, symbols, take)
    if take.ahead and (seeded or parameters.get("seed") is not None):
        parameters["seed"] = ((parameters.get("seed") or 0) + take.ahead) % SEEDS
    return Asked(key_of(parts), parts, parameters)


def differ_in_number_only(old: list[JSON], new: list[JSON]) -> bool:
    """Whether the parts of two keys are those of one request for different numbers of candidates."""
    return old != new and _of_one(old) == _of_one(new)


def _of_one(parts: list[JSON]) -> list[JSON]:
    parameters = parts[3] if isinstance(parts[3], dict) else {}
    return [*parts[:3], {name: value for name, value in parameters.items() if name != "n"}, *parts[4:]]


def first_of(result: Result, count: int) -> Result:
    """The first images of a result; what was paid for them is told by that result."""
    return replace(result, blobs=result.blobs[:count], task_id=None, billed=0, prompts=result.prompts[:count])


def together(begun: Begun, more: Result, *, same_key: bool) -> Result:
    """What there is in all. It tells what was paid for the earlier part only under the key that this has."""
    prompts = begun.result.prompts + more.prompts
    whole = replace(
        begun.result,
        blobs=begun.result.blobs + more.blobs,
        fidelity=more.fidelity,
        warnings=tuple(dict.fromkeys((*begun.result.warnings, *more.warnings))),
        prompts=prompts if len(prompts) == len(begun.result.blobs) + len(more.blobs) else (),
    )
    return whole if same_key else replace(whole, task_id=None, billed=0)
