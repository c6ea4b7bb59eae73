"""Plans of recipes for the reviewers of a pull request (GitHub) or merge request (GitLab).

`review.py plan` checks and plans the recipes, and keeps what reviewers need in a folder; its exit code is the gate.
`review.py comment` puts the report on the pull request: one comment, found again by a hidden marker, updated in place.

Python's standard library only. Every value comes by environment or flag and reaches wanflow as one word, never through
a shell. The report may hold words of strangers: wanflow writes them as code, and what is printed here begins with a
bar, so that no line of theirs is a command to the runner. Start it with `python3 -I`, or it may import a file of the
pull request.
"""

from __future__ import annotations

import argparse
import glob
import html
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

DONE, FAILED, REFUSED, USAGE, INVALID = 0, 1, 3, 64, 65
# GitHub takes 65,536 characters a comment and 1 MiB a step's summary; GitLab takes 1,000,000 characters.
COMMENT_LIMIT, SUMMARY_LIMIT = 65_000, 900_000
BETWEEN = "\n\n---\n\n"
TOKENS = ("GITHUB_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN")
TIMEOUT_S = 30
PAGES = 50


class ReviewError(Exception):
    """What ends the review, in words, with the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    """Lines for the log, none of which a runner takes for a command (`::error::…`, `##[group]…`)."""
    for line in text.splitlines():
        print(f"| {line.replace('##[', '## [')}", flush=True)


# -- plan


@dataclass
class Review:
    """What was found, over all recipes."""

    sections: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    jobs: int = 0
    images: int = 0
    usd: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def exit_code(self) -> int:
        """The gravest: invalid recipes first, then wrong use, failures, and what is refused for its cost."""
        grave = [code for code in (INVALID, USAGE, FAILED, REFUSED) if code in self.codes]
        return next(iter(grave), max(self.codes, default=DONE))

    @property
    def cost(self) -> str:
        """The worst case in USD, or "unknown" where a price is."""
        return "unknown" if self.unpriced else str(self.usd)

    @property
    def most(self) -> str:
        """The same in words."""
        return "a price is not known" if self.unpriced else f"at most ${dollars(self.usd)}"

    def count(self, totals: Mapping[str, Any]) -> None:
        """Add the totals of a saved plan."""
        self.jobs += totals["jobs"]
        self.images += totals["images_paid"]
        self.usd += Decimal(totals["usd_worst"] or 0)
        self.unpriced += totals["unpriced"]

    def report(self) -> str:
        """The whole report: a head, and a section a recipe."""
        most = self.most.replace("$", "&#36;")
        head = f"**wanflow**: {self.jobs:,} jobs, {self.images:,} paid images, {most}{kept_in(os.environ)}"
        if self.exit_code:
            head += f" — **not ready** (exit code {self.exit_code})"
        return BETWEEN.join([head + "".join(f"\n\n{quoted(text)}" for text in self.refusals), *self.sections]) + "\n"


def dollars(usd: Decimal) -> str:
    """An amount as wanflow tells it: never less than it is, to the cent, and below a dollar to four digits."""
    digits = Decimal("0.0001") if usd < 1 else Decimal("0.01")
    whole, _, rest = f"{usd.quantize(digits, ROUND_CEILING):,f}".partition(".")
    return f"{whole}.{rest.rstrip('0'):0<2}"


def kept_in(environment: Mapping[str, str]) -> str:
    """Where the saved plans are: the number that an approved run asks for."""
    run = environment.get("GITHUB_RUN_ID") or environment.get("CI_JOB_ID", "")
    return f"; saved plans: run {run}" if run.isascii() and run.isdigit() else ""


def quoted(text: str) -> str:
    """Text of strangers, which stays text: nobody is mentioned in it, and nothing ends it."""
    return f"<pre>{re.sub('^-', '&#45;', html.escape(text.strip()), flags=re.MULTILINE)}</pre>"


def in_code(name: str) -> str:
    """A file's name, whatever is in it, as a word of code in one line."""
    return f"<code>{re.sub(r'[^A-Za-z0-9 ./-]', lambda found: f'&#{ord(found.group())};', name)}</code>"


def recipes_of(wanflow: str, patterns: str) -> list[str]:
    """The recipes that globs, one a line, lead to; files without a key `wanflow:` are none, and what only other recipes
    can use is planned in these. Raises ReviewError.
    """
    lines = [line.strip() for line in patterns.splitlines() if line.strip()]
    names = (name for line in lines for name in glob.iglob(line, recursive=True))  # noqa: PTH207 - absolute ones, too
    found = sorted({name for name in names if Path(name).is_file()})
    key = re.compile(rb"""^(?:\xef\xbb\xbf)?["']?wanflow["']?[ \t]*:""", re.MULTILINE)
    recipes = [name for name in found if key.search(Path(name).read_bytes())]
    if recipes:
        code, told, _ = asked(wanflow, "check", "--list", "--format", "json", "--", *recipes)
        if code:
            raise ReviewError(f"the recipes can't be told from their parts (exit code {code})", code)
        listed = json.loads(told)
        recipes = listed["recipes"]
        for part in listed["parts"]:
            say(f"{part}: only other recipes can use it; it is planned in these")
    if not recipes:
        raise ReviewError(f"no recipe is called {' or '.join(lines) or 'nothing'}; set `recipes`", USAGE)
    return list(recipes)


def flags_of(text: str) -> list[str]:
    """Further flags, as words; a shell never sees them. Raises ReviewError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ReviewError(f"args: {error}".lower(), USAGE) from None
    if "--" in words:  # what follows it would be taken for recipes, the flags of the gate among them
        raise ReviewError("args are flags only; name recipes in `recipes`", USAGE)
    return words


def asked(wanflow: str, *words: str) -> tuple[int, str, str]:
    """(exit code, output, error output) of wanflow, which gets no token of the code host."""
    environment = {name: value for name, value in os.environ.items() if name not in TOKENS}
    try:
        done = subprocess.run([wanflow, *words], capture_output=True, env=environment, check=False)
    except OSError as error:
        raise ReviewError(f"{wanflow} can't be started: {error.strerror}") from error
    output, errors = (raw.decode(errors="replace") for raw in (done.stdout, done.stderr))
    if errors:
        say(errors)
    return done.returncode, output, errors


def plan(given: argparse.Namespace) -> int:
    """Check and plan the recipes; keep report, saved plans and SARIF in a folder; the exit code is the gate."""
    folder, most, args = Path(given.into), amount(given.max_cost), flags_of(given.args)
    recipes = recipes_of(given.wanflow, given.recipes)
    (folder / "plans").mkdir(parents=True, exist_ok=True)
    review = Review()
    if given.check == "true":
        code, log, _ = asked(given.wanflow, "check", *args, "--format", "sarif", "--", *recipes)
        (folder / "check.sarif").write_text(log, encoding="utf-8")
        review.codes.add(code)
    for recipe, kept in zip(recipes, plan_files(folder / "plans", recipes), strict=True):
        review.sections.append(section(given, review, recipe, kept))
    if most is not None and review.usd > most and REFUSED not in review.codes:
        review.refusals.append(f"all recipes together may cost ${dollars(review.usd)}, and max_cost is ${most}")
        review.codes.add(REFUSED)
    (folder / "report.md").write_text(review.report(), encoding="utf-8")
    append("GITHUB_STEP_SUMMARY", fitted(review.report(), SUMMARY_LIMIT))
    append(
        "GITHUB_OUTPUT",
        f"jobs={review.jobs}\nimages={review.images}\nusd={review.cost}\nexit_code={review.exit_code}\n",
    )
    say(f"{review.jobs} jobs, {review.images} paid images, {review.most}")
    for text in review.refusals:
        say(text)
    return review.exit_code


def amount(text: str) -> Decimal | None:
    """An amount in USD, if one is given. Raises ReviewError."""
    try:
        usd = Decimal(text) if text else None
    except InvalidOperation:
        usd = Decimal("nan")
    if usd is not None and not (usd.is_finite() and usd >= 0):
        raise ReviewError(f"max_cost is an amount in USD, such as 2.50, got {text!r}", USAGE)
    return usd


def plan_files(folder: Path, recipes: Iterable[str]) -> Iterator[Path]:
    """A file a recipe, with a name that every file system and code host takes."""
    taken: set[str] = set()
    for recipe in recipes:
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", Path(recipe).stem).lstrip(".-") or "plan"
        names = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(taken) + 2))
        name = next(name for name in names if name.lower() not in taken)
        taken.add(name.lower())
        yield folder / f"{name}.json"


def section(given: argparse.Namespace, review: Review, recipe: str, kept: Path) -> str:
    """What the report says of a recipe; its totals and exit codes are added to the review."""
    kept.unlink(missing_ok=True)
    flags = [f"--max-cost={given.max_cost}"] if given.max_cost else []
    flags += [f"--forbid={given.forbid}"] if given.forbid else []
    args = flags_of(given.args)
    # A last word of args that takes a value takes the plan's file, never the gate, and that is found out.
    words = [*args, f"--output={kept}", *flags, "--format", "markdown", "--", recipe]
    parts = [one(given, review, recipe, "plan", *words)]
    if not kept.is_file() and review.codes <= {DONE}:
        raise ReviewError("args are such that no plan is kept: leave out --help, -o, and flags without a value", USAGE)
    if kept.is_file():
        review.count(json.loads(kept.read_text(encoding="utf-8"), parse_float=Decimal)["totals"])
    if given.base:
        words = [*args, f"--diff={given.base}", "--format", "markdown", "--", recipe]
        parts.append(one(given, review, recipe, "plan", *words))
    return "\n\n".join(parts)


def one(given: argparse.Namespace, review: Review, recipe: str, *words: str) -> str:
    """What wanflow says, or why it says nothing."""
    code, output, errors = asked(given.wanflow, *words)
    review.codes.add(code)
    if code == REFUSED:
        review.refusals.append(f"{recipe}: {errors}")
    return output.strip() or f"### {in_code(recipe)}: no plan\n\n{quoted(errors)}"


def append(variable: str, text: str) -> None:
    """Add text to the file that an environment variable names, if it does."""
    if name := os.environ.get(variable):
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)


def fitted(report: str, limit: int) -> str:
    """A report of at most so many characters: sections that have no room are told by their first line, or counted."""
    if len(report) <= limit:
        return report
    head, *sections = report.strip().split(BETWEEN)
    note = "Too long for this place: what is cut stands whole in the run's artifact, `report.md`."
    lines = [section.partition("\n")[0] for section in sections]
    room = limit - len(note) - 100
    if len(head) > room // 2:
        head = head.partition("\n")[0][: room // 2]
    room -= len(head) + len(BETWEEN)
    told: list[str] = []
    for line in lines:
        room -= len(line) + len(BETWEEN)
        if room < 0:
            break
        told.append(line)
    for n, line in enumerate(told):
        more = len(sections[n]) - len(line)
        if more <= room:
            told[n], room = sections[n], room - more
    rest = len(sections) - len(told)
    return BETWEEN.join([head, *told, note + (f" {rest} more recipes." if rest else "")]) + "\n"


# -- comment


@dataclass(frozen=True)
class Host:
    """Where comments are kept: addresses, the header of the token, and which comments are the token's own."""

    comments: str
    own: Callable[[Mapping[str, Any]], bool]
    one: Callable[[int], str]
    change: str
    headers: Mapping[str, str]
    remedy: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def call(host: Host, method: str, url: str, body: str | None = None) -> Any:
    """The answer of the code host, as JSON. Raises ReviewError, in whose words no token stands."""
    sent = None if body is None else json.dumps({"body": body}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "wanflow-review", **host.headers}
    request = urllib.request.Request(url, sent, headers, method=method)  # noqa: S310 - its scheme was judged
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise ReviewError(
            f"{method} comments: {error.code} {reason(error)}. {advice(error.code, host)}".strip()
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or "the answer is not JSON"
        raise ReviewError(f"{method} comments: {why}. Start the job again; the report is in its artifact") from None


def reason(error: urllib.error.HTTPError) -> str:
    """What the host says of an error, cut short."""
    try:
        told = json.loads(error.read(20_000))
        said = told.get("message") or told.get("error") or ""
    except (OSError, ValueError, AttributeError):
        said = ""
    return str(said)[:200] or str(error.reason)


def advice(status: int, host: Host) -> str:
    """What to do about a refusal."""
    if status in (401, 403, 404):
        return host.remedy
    return "The report is in the job's artifact." if status < 500 else "Start the job again."


def github(environment: Mapping[str, str], number: str) -> Host:
    """Comments of a pull request on GitHub."""
    at = f"{base_url(environment, 'GITHUB_API_URL')}/repos/{environment['GITHUB_REPOSITORY']}/issues"
    author = environment.get("WANFLOW_AUTHOR") or "github-actions[bot]"
    return Host(
        comments=f"{at}/{number}/comments",
        own=lambda comment: (comment.get("user") or {}).get("login") == author,
        one=lambda id: f"{at}/comments/{id}",
        change="PATCH",
        headers={
            "Authorization": f"Bearer {environment['GITHUB_TOKEN']}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        remedy="The job needs `permissions: {pull-requests: write}`.",
    )


def gitlab(environment: Mapping[str, str], number: str) -> Host:
    """Notes of a merge request on GitLab."""
    api = base_url(environment, "CI_API_V4_URL")
    at = f"{api}/projects/{environment['CI_PROJECT_ID']}/merge_requests/{number}/notes"
    headers = {"PRIVATE-TOKEN": environment["GITLAB_TOKEN"]}
    remedy = "GITLAB_TOKEN has to be a project access token with the scope api and the role Reporter."
    who = Host(at, lambda _: False, str, "PUT", headers, remedy)
    me = call(who, "GET", f"{api}/user").get("id")
    return Host(
        at, lambda note: (note.get("author") or {}).get("id") == me, lambda id: f"{at}/{id}", "PUT", headers, remedy
    )


def base_url(environment: Mapping[str, str], name: str) -> str:
    """The address of the API, to which the token may go. Raises ReviewError."""
    url = environment[name].rstrip("/")
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ReviewError(f"{name} must begin with https://, for the token goes there", USAGE)
    return url


def comment(given: argparse.Namespace) -> int:
    """Put the report on the pull request; where the token may only read, say so and leave it to the summary."""
    environment = os.environ
    on_gitlab = "CI_API_V4_URL" in environment
    event = {} if on_gitlab else event_of(environment)
    number = str(environment.get("CI_MERGE_REQUEST_IID", "") if on_gitlab else event.get("number") or "")
    token = environment.get("GITLAB_TOKEN" if on_gitlab else "GITHUB_TOKEN", "")
    if not number:
        say("there is no pull request to comment on")
        return DONE
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,60}", given.name):
        raise ReviewError("the comment's name has letters, digits, dots, dashes and underscores", USAGE)
    if not number.isascii() or not number.isdigit():
        raise ReviewError("the number of the pull request is no number", USAGE)
    if not token or (not on_gitlab and from_elsewhere(event, environment)):
        say("no comment: pull requests from forks, and of Dependabot, get no token that may write; see the summary")
        return DONE
    report = Path(given.into, "report.md")
    if not report.is_file():
        raise ReviewError(f"{report} is missing: review.py plan comes first", USAGE)
    marker = f"<!-- wanflow:{given.name} -->"
    body = f"{marker}\n{fitted(report.read_text(encoding='utf-8'), COMMENT_LIMIT)}"
    try:
        say(put(gitlab(environment, number) if on_gitlab else github(environment, number), marker, body))
    except ReviewError as error:
        raise ReviewError(str(error).replace(token, "***"), error.code) from None
    except KeyError as error:
        raise ReviewError(f"{error.args[0]} is not set", USAGE) from None
    return DONE


def event_of(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """The pull request that started the workflow, if one did."""
    try:
        found = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["pull_request"]
    except (KeyError, OSError, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def from_elsewhere(event: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether the pull request comes from where the token may only read."""
    repository = ((event.get("head") or {}).get("repo") or {}).get("full_name")
    return repository != environment.get("GITHUB_REPOSITORY") or environment.get("GITHUB_ACTOR") == "dependabot[bot]"


def put(host: Host, marker: str, body: str) -> str:
    """Update the first own comment with the marker, or make one; what was done."""
    for page in range(1, PAGES + 1):
        comments = call(host, "GET", f"{host.comments}?per_page=100&page={page}")
        if not isinstance(comments, list):
            raise ReviewError("GET comments: the answer is no list of comments")
        for found in comments:
            if host.own(found) and str(found.get("body", "")).startswith(marker):
                call(host, host.change, host.one(int(found["id"])), body)
                return "comment updated"
        if len(comments) < 100:
            break
    call(host, "POST", host.comments, body)
    return "comment made"


class _Parser(argparse.ArgumentParser):
    """Its own exit code, 2, would be taken for a plan's with something to do."""

    def error(self, message: str) -> NoReturn:
        if "expected one argument" in message:
            message += ": join it with =, as in --args=--force"
        raise ReviewError(message, USAGE)


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["plan", "comment"])
    for name, default, told in (
        ("wanflow", "wanflow", "the command"),
        ("recipes", "recipes/*.yaml", "globs, one a line"),
        ("into", "wanflow-review", "folder of report, plans and SARIF"),
        (
            "args",
            "",
            "flags of `wanflow check` and `wanflow plan`, quoted as for a shell",
        ),
        ("base", "", "git revision that the plan is held against"),
        ("max-cost", "", "in USD, of each recipe and of all together"),
        ("forbid", "", "`paid`: nothing may be paid for"),
        ("check", "true", "`false` leaves the check out (it wants the photographs)"),
        ("name", "plan", "which comment it is, where a pull request has several"),
    ):
        value = os.environ.get(f"WANFLOW_{name.upper().replace('-', '_')}") or default
        parser.add_argument(f"--{name}", default=value, help=told)
    try:
        given = parser.parse_args(words)
        return plan(given) if given.what == "plan" else comment(given)
    except ReviewError as error:
        say(f"wanflow: {error}")
        return error.code
    except OSError as error:
        say(f"wanflow: {error.filename or 'a file'}: {error.strerror}")
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
