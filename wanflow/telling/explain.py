"""Why a job runs, and where a file comes from, as a person reads it: sentences, and a tree by indentation.

No line is wrapped or padded to a width, so that a terminal of any width shows it whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from wanflow.canon import canonical, told
from wanflow.errors import inline
from wanflow.language.recipe import SIDECAR
from wanflow.model import Action, Blob, Reason
from wanflow.planning.ancestry import Ancestor, Ancestry, Root
from wanflow.planning.explain import SHORT, Component, JobExplanation, Taken, Target
from wanflow.planning.files import FileExplanation, Role, State
from wanflow.planning.outputs import format_of
from wanflow.planning.planned import Plan
from wanflow.store.history import Made
from wanflow.telling.review import REASONS
from wanflow.telling.words import count, dollars, duration

MOST_JOBS = 10
MOST_IMAGES = 12
MOST_LETTERS = 2_000
# Of a chain as long as its project is old, or as a stranger says, not each link can stand further right.
DEEPEST = 24
DRAFT = "a DRAFT: stamped, and no edit"

_STATES = {
    "stands": "stands there",
    "missing": "is not there and is put in place",
    "edited": "was edited; that is kept aside and the picture put in place",
    "to_come": "is written then",
}


# -- jobs


def jobs_text(plan: Plan, found: Sequence[JobExplanation]) -> str:
    """Every job, up to MOST_JOBS."""
    parts = ["\n".join(_job(plan, job)) for job in found[:MOST_JOBS]]
    if rest := len(found) - len(parts):
        parts.append(f"… and {count(rest, 'more job')}; name fewer, or take --json")
    return "\n\n".join(parts or ["no job is selected"])


def _job(plan: Plan, job: JobExplanation) -> Iterator[str]:
    where = f"at {plan.place}" if plan.place else f"on {plan.backend}"
    yield inline(f"{job.job} of {plan.recipe.name}, {job.step.function.name} {where}")
    yield f"  {inline(_verdict(job))}"
    yield from (f"    {inline(str(change))}" for change in job.decision.changes)
    if job.takes:
        yield "  It takes"
        yield from (f"    {inline(_taken(one))}" for one in job.takes)
    if job.components:
        yield f"  Its key {_key(job)}"
        known = job.last is not None and job.key != job.last.key
        yield from (f"    {inline(_component(one, compared=known))}" for one in job.components)
    if job.last:
        yield f"  Last made {inline(_made(job.last))}; it was {_fidelity(job.last.result.fidelity)}"
        yield from (f"    warning: {inline(warning)}" for warning in job.last.result.warnings)
    else:
        yield "  It was never made before, as far as this project knows"
    if job.request is not None:
        yield f"  {_request_head(job)}"
        yield from (f"    {line}" for line in told(dict(job.request)).splitlines())
    yield f"  {_cost(job)}"
    yield from (f"  {inline(line)}" for line in _ends(job))


def _verdict(job: JobExplanation) -> str:
    decision = job.decision
    if decision.failed_gate:
        return f"It does not run: it failed its gate: {decision.note}."
    if decision.reason is Reason.FROZEN and decision.note:
        return f"It does not run: its result is stored; {decision.note}."
    why = REASONS[decision.reason] or "its result is stored"
    if decision.reason is Reason.OUTPUT_MISSING and decision.action is Action.RUN:
        why = "its stored picture is gone"
    if decision.action is Action.REUSE and decision.reason is not Reason.CACHED:
        why = f"its result is stored; {why}"
    if decision.reason is Reason.REFUSED and decision.note:
        why = "it is refused"
    verdict = {
        Action.RUN: f"It runs: {why}.",
        Action.REUSE: f"It does not run: {why}.",
        Action.LATER: f"Whether it runs is {why}.",
        Action.SKIP: f"It does not run: {why}.",
    }[decision.action]
    return f"{verdict} {decision.note}".rstrip()


def _taken(one: Taken) -> str:
    source = f"the picture of {one.job}" if one.job else one.file or "a picture"
    size = f", {one.size[0]}x{one.size[1]} px" if one.size else ""
    known = f", {one.blob.sha256[:SHORT]}" if one.blob else ", not known yet"
    return f"{one.slot}: {source}{size}{known}"


def _key(job: JobExplanation) -> str:
    if job.key is None:
        return "is known once the pictures it takes are; it is made of"
    if job.last and job.last.key == job.key:
        return f"is {job.key[:SHORT]}, as last time; it is made of"
    last = f" (last time it was {job.last.key[:SHORT]})" if job.last else ""
    return f"is {job.key[:SHORT]}{last}; it is made of"


def _component(one: Component, *, compared: bool) -> str:
    now = _value(one.now) if one.known else "not known yet"
    if not compared or not one.changed:
        return f"{one.field}: {now}"
    return f"{one.field}: {now if one.now is not None else '(none)'}, last time {_value(one.last)}"


def _value(value: Any) -> str:
    """A JSON value on a line; digests are shortened."""
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else canonical(value)
    text = text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"
    return text[:SHORT] if isinstance(value, str) and len(value) == 64 else _quoted(value, text)


def _quoted(value: Any, text: str) -> str:
    return f'"{text}"' if isinstance(value, str) and (" " in text or not text) else text


def _request_head(job: JobExplanation) -> str:
    pending = job.decision.action in (Action.RUN, Action.LATER)
    if "method" in (job.request or {}):
        return f"It {'sends' if pending else 'would send'}, beside your key and with the pictures themselves"
    return f"This machine {'does' if pending else 'would do'}"


def _cost(job: JobExplanation) -> str:
    limits = job.terms.limits
    pace = f", {limits.per_second:g} a second" if limits.per_second else ""
    lane = f"lane {job.terms.lane}, {count(limits.slots, 'job')} at once{pace}"
    if job.decision.action not in (Action.RUN, Action.LATER):
        return f"It costs nothing now; {lane}"
    cost = "an unknown amount: no price is known" if job.usd is None else dollars(job.usd) if job.usd else "nothing"
    return f"It costs {cost}, and takes about {duration(job.terms.seconds)}; {lane}"


def _ends(job: JobExplanation) -> Iterator[str]:
    if job.feeds:
        yield f"Its picture goes to {', '.join(job.feeds)}"
    yield from (_target(one) for one in job.targets)
    if not (job.feeds or job.targets):
        yield "Its picture goes nowhere: no step and no output takes it"


def _target(one: Target) -> str:
    name = f"sidecar of {one.output.removesuffix(SIDECAR)}" if one.output.endswith(SIDECAR) else one.output
    return f"{one.path} ({name}) {_STATES[one.state]}"


# -- files


def file_text(found: FileExplanation) -> str:
    """Where a file comes from, or what is near to one that is not known."""
    return "\n".join(_file(found))


def _file(found: FileExplanation) -> Iterator[str]:
    yield inline(f"{found.path}: {_state(found)}")
    if found.state is State.UNKNOWN:
        if found.own_words:
            yield "  Its metadata say that it was made so; whether that is true, nobody here can tell"
            yield from _tree(found.own_words, frozenset(found.own_words.steps))
        if found.near:
            yield f"  Outputs of a like name: {inline(', '.join(found.near))}"
        return
    if found.role is Role.INPUT and found.source:
        if (source := _root(found.source)) != f"{found.path}, {found.source.sha256[:SHORT]}":
            yield f"  {inline(source)}"
        return
    others = [one.path for one in found.written if one.path != found.path]
    if others:
        yield f"  The same bytes were written to {inline(', '.join(others))}"
    if found.ancestry:
        yield from _tree(found.ancestry, found.stored)


def _state(found: FileExplanation) -> str:
    writers = sorted({one.writer for one in found.written if one.writer})
    of = f" of {' and '.join(writers)}" if writers else ""
    what = {
        Role.OUTPUT: f"{_output(found)}{of}",
        Role.STORED: "a picture of the store",
        Role.INPUT: "an input image, which nothing here made",
        None: "",
    }[found.role]
    known = (found.was or "")[:SHORT]
    match found.state:
        case State.KNOWN:
            return what
        case State.MODIFIED:
            return f"this content is not known; the file was changed since it was {what} ({known})"
        case State.GONE:
            return f"there is no such file; it was {what} ({known})"
    return "there is no such file, and none is known of" if found.sha256 is None else "this content is not known here"


def _output(found: FileExplanation) -> str:
    kinds = {format_of(one.recipe_of) for one in found.written}
    step = found.ancestry.steps.get(found.ancestry.sha256) if found.ancestry else None
    stored = {blob.format for blob in step.made.result.blobs} if step else kinds
    if kinds == {""}:
        return "a sidecar, which tells where a picture comes from, an output"
    return "an output" if kinds <= stored else f"an output, saved as {' and '.join(sorted(kinds - {''}))},"


def _tree(ancestry: Ancestry, stored: frozenset[str]) -> Iterator[str]:
    """The picture, and indented below each the pictures it was made from."""
    told_of: set[str] = set()
    waiting: list[tuple[int, str, str]] = [(1, "", ancestry.sha256)]
    while waiting:
        depth, slot, sha256 = waiting.pop()
        indent, head = "  " * min(depth, DEEPEST), f"{slot}: " if slot else ""
        if not sha256:  # what stands for many
            yield f"{indent}{slot}"
        elif root := ancestry.roots.get(sha256):
            yield f"{indent}{inline(head + _root(root))}"
        elif sha256 in told_of:
            yield f"{indent}{inline(head)}{sha256[:SHORT]}, told above"
        else:
            told_of.add(sha256)
            step = ancestry.steps[sha256]
            yield f"{indent}{inline(head + _head(step))}"
            yield from (f"{indent}  {inline(line)}" for line in _facts(step, is_stored=sha256 in stored))
            waiting += reversed([(depth + 1, *one) for one in _inputs(step)])


def _inputs(step: Ancestor) -> list[tuple[str, str]]:
    found = list(step.inputs.items())
    if (rest := len(found) - MOST_IMAGES) <= 0:
        return found
    return [*found[:MOST_IMAGES], (f"… and {count(rest, 'more picture')}; --json has all", "")]


def _head(step: Ancestor) -> str:
    making = step.made.making
    job = f" for {making.job}" if making.job else ""
    recipe = f" of {making.recipe}" if making.recipe else ""
    blob = next((blob for blob in step.made.result.blobs if blob.sha256 == step.sha256), None)
    return f"{step.function}{job}{recipe}{f', {_blob(blob)}' if blob else ''}"


def _blob(blob: Blob) -> str:
    size = f"{blob.format} {blob.width}x{blob.height} px, " if blob.format else ""
    return f"{size}{blob.sha256[:SHORT]}"


def _facts(step: Ancestor, *, is_stored: bool) -> Iterator[str]:
    result = step.made.result
    yield f"made {_made(step.made)}"
    yield f"by {step.engine}; {_fidelity(result.fidelity)}"
    for name, value in sorted(step.parameters.items(), key=lambda one: (one[0] != "prompt", one[0])):
        yield f"{name}: {_value(value)}"
    if step.prompt:
        yield f'prompt as the provider used it: "{step.prompt}"'
    if step.take:
        yield f"take: {step.take}"
    if step.region:
        yield f"hint, region: {step.region}"
    yield from (f"warning: {warning}" for warning in result.warnings)
    if not is_stored:
        yield "its stored picture was removed since"


def _made(made: Made) -> str:
    making, result = made.making, made.result
    when = _moment(making.at) if making.at else "at a time that is not known"
    run = f" in run {making.run}" if making.run else ""
    task = f", task {result.task_id}" if result.task_id else ""
    return f"{when}{run}, {_price(made.usd)}{task}"


def _price(usd: Decimal | None) -> str:
    if usd is None:
        return "at a price that is not known"
    return f"for {dollars(usd)}" if usd else "free"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _fidelity(fidelity: str) -> str:
    return DRAFT if fidelity == "proxy" else fidelity


def _root(root: Root) -> str:
    standing = [place.path for place in root.places if place.stands]
    gone = [place.path for place in root.places if not place.stands]
    names = [*standing, *(f"{path} (moved or changed since)" for path in gone if not standing)]
    # A file that tells of itself names its photographs in the same place.
    names += [f"fetched from {url}" if "://" in url else url for url in root.urls]
    return f"{' = '.join(names) or 'a picture of which no more is known, or a data URI'}, {root.sha256[:SHORT]}"
