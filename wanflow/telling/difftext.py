"""How two versions differ in what they ask for -> text, Markdown, JSON."""

from __future__ import annotations

from collections.abc import Iterator

from wanflow.canon import JSON
from wanflow.errors import inline
from wanflow.model import Change
from wanflow.planning.versions import Comparison, Moved
from wanflow.record import money
from wanflow.telling.markdown import CHANGES, PROBLEMS, Page, changed_line, code, ours, problem_line
from wanflow.telling.review import NAMED, Changed
from wanflow.telling.worddiff import Kind, side
from wanflow.telling.words import count, dollars

FORMAT_VERSION = 1
MOST = 200
_KINDS = {"changed": "changed", "new": "new", "gone": "gone", "follows": "made of what changed"}


def summary(found: Comparison) -> str:
    """The whole truth in a line, in words of ours."""
    renamed = f"; {count(found.renamed, 'job')} renamed" if found.renamed else ""
    faulty = f"; {count(len(found.problems), 'problem')}, so that not all can be compared" if found.problems else ""
    new = "; the other version has no recipe of this name" if found.recipe_is_new else ""
    files = "".join(f"; {count(len(of), 'file')} {words}" for words, of in _files(found).items())
    if not found.differences:
        return f"no change in requests{renamed}{files}{new}{faulty}"
    counts = [f"{len(of):,} {words}" for kind, words in _KINDS.items() if (of := found.of(kind))]
    stored = sum(one.stored for one in found.differences)
    parked = sum(one.parked for one in found.differences)
    told = [*counts, f"{found.same:,} the same"]
    costs = [dollars(found.usd)] if found.usd or not found.unpriced else []
    costs += [f"an unknown amount (no price is known for {count(found.unpriced, 'job')})"] if found.unpriced else []
    kept = f", {stored:,} stored already" if stored else ""
    waits = f", {parked:,} after a pick" if parked else ""
    return f"{', '.join(told)}{renamed}; costs {' and '.join(costs)}{kept}{waits}{files}{new}{faulty}"


def _files(found: Comparison) -> dict[str, list[Moved]]:
    """The files that lie elsewhere, or that only one version writes, if there are any."""
    kinds = {
        "written elsewhere": [one for one in found.files if one.old and one.new],
        "more": [one for one in found.files if not one.old],
        "not written any more": [one for one in found.files if not one.new],
    }
    return {words: of for words, of in kinds.items() if of}


def files_lines(found: Comparison) -> list[str]:
    """A line for each output whose files changed alike, with the first of them."""
    groups: dict[tuple[str, str], list[Moved]] = {}
    for words, of in _files(found).items():
        for one in of:
            groups.setdefault((one.output, words), []).append(one)
    return [f"{output}: {_example(words, of[0], len(of) - 1)}" for (output, words), of in groups.items()]


def _example(words: str, first: Moved, more: int) -> str:
    is_new = f"{first.new} is new" if first.new else f"{first.old} is {words}"
    path = f"{first.old} → {first.new}" if first.old and first.new else is_new
    return f"{path}, and {count(more, 'more file')}" if more else path


def grouped(found: Comparison) -> list[Changed]:
    """The differences with equal ones of a step together; what follows is only counted."""
    groups: dict[tuple[str, str, tuple[Change, ...]], Changed] = {}
    for one in found.differences:
        if one.kind == "follows":
            continue
        row, _, step = one.job.rpartition("/")
        note = "" if one.kind == "changed" else one.kind
        entry = groups.setdefault((one.kind, step, one.changes), Changed(step, one.changes, note))
        entry.count += 1
        if len(entry.rows) < NAMED:
            entry.rows.append(row)
    return list(groups.values())


def diff_text(found: Comparison) -> str:
    """For a terminal or a log."""
    head = f"{found.recipe} against {found.against}: {summary(found)}"
    lines = [f"  {line}" for entry in grouped(found) for line in _lines(entry)]
    lines += [f"  {line}" for line in files_lines(found)]
    more = [f"  … and {len(lines) - MOST:,} more"] if len(lines) > MOST else []
    return "\n".join(inline(line) for line in [head, *([""] if lines else []), *lines[:MOST], *more])


def _lines(entry: Changed) -> Iterator[str]:
    if not entry.changes:
        yield f"{entry.who}: {entry.note}"
    for name, parts in entry.what:
        yield f"{entry.who}: {Change(name, side(parts, Kind.OLD), side(parts, Kind.NEW))}"


def diff_markdown(found: Comparison) -> str:
    """For a comment on a pull request."""
    page = Page()
    page.add(f"### {code(found.recipe)} against {code(found.against)}: {ours(summary(found))}")
    page.folded("What changed", grouped(found), changed_line, CHANGES, "change")
    page.folded("Files", files_lines(found), lambda line: f"- {code(line)}", CHANGES, "output")
    page.folded("Problems", found.problems, problem_line, PROBLEMS, "problem")
    return page.text()


def diff_json(found: Comparison) -> dict[str, JSON]:
    """For programs."""
    return {
        "format_version": FORMAT_VERSION,
        "recipe": found.recipe,
        "against": found.against,
        "same": found.same,
        "renamed": found.renamed,
        "currency": "USD",
        "usd": None if found.unpriced else money(found.usd),
        "differences": [
            {
                "job": one.job,
                "kind": one.kind,
                "changes": [{"field": c.field, "old": c.old, "new": c.new} for c in one.changes],
                "usd": money(one.usd),
                "stored": one.stored,
                "parked": one.parked,
            }
            for one in found.differences
        ],
        "files": [{"output": one.output, "old": one.old or None, "new": one.new or None} for one in found.files],
        "problems": [problem.json() for problem in found.problems],
    }
