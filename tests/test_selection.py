"""The algebra of selections, against sets of jobs and reachability in the graph of all jobs."""

from types import SimpleNamespace

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow.errors import UsageError
from wanflow.language.selection import Selection, State, Wish
from wanflow.model import RUN

ROWS = ["r1", "r2", "my photo"]
TAGS = ["web", "print"]


def step(name, needs=(), *, tags=(), once=False):
    names = {name, name.partition("@")[0]}
    return SimpleNamespace(
        id=name, name=name.partition("@")[0], names=names, needs=tuple(needs), tags=tuple(tags), per_run=once
    )


@st.composite
def graphs(draw):
    """Steps of rows, some of them instances of a matrix, then steps of the whole run."""
    steps = []
    for number in range(draw(st.integers(1, 5))):
        names = draw(st.sampled_from([[f"s{number}"], [f"s{number}@a", f"s{number}@b-0.5"]]))
        needs = draw(st.sets(st.sampled_from([s.id for s in steps]))) if steps else ()
        tags = draw(st.sets(st.sampled_from(TAGS)))
        steps += [step(name, needs, tags=tags) for name in names]
    for number in range(draw(st.integers(0, 2))):
        needs = draw(st.sets(st.sampled_from([s.id for s in steps]), min_size=1))
        steps.append(step(f"w{number}", needs, tags=draw(st.sets(st.sampled_from(TAGS))), once=True))
    return steps


def all_jobs(steps):
    return {(row, s.id) for s in steps for row in ([RUN] if s.per_run else ROWS)}


def job_graph(steps):
    """One node per job, as no part of wanflow ever builds it."""
    graph, once = nx.DiGraph(), {s.id: s.per_run for s in steps}
    graph.add_nodes_from(all_jobs(steps))
    for s in steps:
        for need in s.needs:
            if s.per_run:
                graph.add_edges_from(((row, need), (RUN, s.id)) for row in ([RUN] if once[need] else ROWS))
            else:
                graph.add_edges_from(((row, need), (row, s.id)) for row in ROWS)
    return graph


@st.composite
def atoms(draw, steps, states):
    """A text, and the jobs that it means."""
    jobs, names = all_jobs(steps), sorted({s.name for s in steps} | {s.id for s in steps})
    kind = draw(st.sampled_from(["step", "row", "job", "any", "tag", "state"]))
    if kind == "tag" and any(s.tags for s in steps):
        tag = draw(st.sampled_from(sorted({tag for s in steps for tag in s.tags})))
        text, meant = f"tag:{tag}", {job for job in jobs if any(s.id == job[1] and tag in s.tags for s in steps)}
    elif kind == "state":
        state = draw(st.sampled_from(list(State)))
        text, meant = f"state:{state}", {(row, one) for row, ones in states[state].items() for one in ones}
    elif kind == "row":
        row = draw(st.sampled_from(ROWS))
        text, meant = f'"{row}/"', {job for job in jobs if job[0] == row}
    elif kind == "any":
        text, meant = "s0*", {job for job in jobs if job[1].startswith("s0")}
    elif kind == "job":
        row, name = draw(st.sampled_from(sorted(jobs)))
        text, meant = f'"{row}/{name}"', {(row, name)}
    else:
        text = draw(st.sampled_from(names))
        meant = {job for job in jobs if text in (job[1], job[1].partition("@")[0])}
    graph = job_graph(steps)
    up, down = draw(st.booleans()), draw(st.booleans())
    reached = set(meant)
    for job in meant:
        reached |= nx.ancestors(graph, job) if up else set()
        reached |= nx.descendants(graph, job) if down else set()
    return ("+" if up else "") + text + ("+" if down else ""), reached


@st.composite
def selections(draw, steps, states):
    """A union of intersections, as text and as a set of jobs."""
    terms, chosen = [], set()
    for _ in range(draw(st.integers(1, 3))):
        made = [draw(atoms(steps, states)) for _ in range(draw(st.integers(1, 2)))]
        terms.append(",".join(text for text, _ in made))
        chosen |= set.intersection(*(meant for _, meant in made))
    return draw(st.sampled_from([" ", "  "])).join(terms), chosen


def reached_by(steps, jobs, wished, left_out, until):
    """What -s, -x and --until leave of the jobs, by sets alone."""
    chosen = set().union(*(meant for _, meant in wished)) if wished else set(jobs)
    if until:
        ends = {job for job in jobs if job[1].partition("@")[0] == until}
        chosen &= ends.union(*(nx.ancestors(job_graph(steps), job) for job in ends))
    return chosen - set().union(*(meant for _, meant in left_out))


@given(st.data())
def test_a_selection_is_the_algebra_of_sets_on_the_graph_of_all_jobs(data):
    steps = data.draw(graphs(), "steps")
    jobs = all_jobs(steps)
    states = {}
    for state in State:
        picked = data.draw(st.sets(st.sampled_from(sorted(jobs))), state)
        states[state] = {row: frozenset(s for r, s in picked if r == row) for row in {r for r, _ in picked}}
    wished = data.draw(st.lists(selections(steps, states), max_size=2), "-s")
    left_out = data.draw(st.lists(selections(steps, states), max_size=2), "-x")
    until = data.draw(st.sampled_from([None, *sorted({s.name for s in steps})]), "--until")
    wish = Wish(tuple(text for text, _ in wished), tuple(text for text, _ in left_out), until)
    expected = reached_by(steps, jobs, wished, left_out, until)
    selection = Selection(steps, wish, states)
    assert {(row, s) for row in [*ROWS, RUN] for s in selection.of(row)} == expected
    needed = expected.union(*(nx.ancestors(job_graph(steps), job) for job in expected))
    assert {(row, s) for row in [*ROWS, RUN] for s in selection.needed(row)} == needed


STEPS = [step("fit"), step("look@book-0.4", ["fit"], tags=["web"]), step("look@gold-0.7", ["fit"]),
         step("sheet", ["look@book-0.4"], once=True)]  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(("fitt",)), "-s fitt: there is no step fitt. Did you mean fit?"),
        (
            Wish(("look@book-0.5",)),
            "-s look@book-0.5: there is no step look@book-0.5. Did you mean look@book-0.4 or look@gold-0.7?",
        ),
        (Wish((), ("+tag:wbe",)), "-x tag:wbe: no step has the tag wbe. Did you mean web?"),
        (
            Wish(("state:broken",)),
            "-s state:broken: there is no state broken. Known here: changed, failed, missing, new, parked.",
        ),
        (Wish(("stat:new",)), "-s stat:new: there is no stat: here. Did you mean state or tag?"),
        (Wish(("fit,",)), '-s: "fit," is no selection; write for example -s detail'),
        (Wish((" ",)), '-s: " " is no selection; write for example -s detail'),
        (Wish(('"fit',)), '-s: ""fit" is no selection; write for example -s detail'),
        (Wish(("run/fit",)), "-s run/fit: this is made for every row, not once for the whole run; write ROW/STEP"),
        (Wish(("r1/sheet",)), "-s r1/sheet: this is made once for the whole run; write run/sheet"),
        (Wish(until="shet"), "--until shet: there is no step shet. Did you mean sheet?"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_selects_nothing_known_is_told(wish, said):
    with pytest.raises(UsageError) as caught:
        Selection(STEPS, wish)
    assert str(caught.value) == said


def test_a_row_that_is_not_there_is_told_with_one_that_is():
    selection = Selection(STEPS, Wish(("0001/ 0002/fit *3/",)))
    for key in ("0001", "0003", "0004"):
        selection.note_row(key)
    with pytest.raises(UsageError) as caught:
        selection.require_rows()
    assert str(caught.value) == "0002/: there is no row 0002. Did you mean 0004 or 0003 or 0001?"
    selection.note_row("0002")
    selection.require_rows()
