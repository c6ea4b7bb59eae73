"""A graph: what is in it, that its drawing can be read, and that no text of a stranger gets out of its place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanflow import api
from wanflow.errors import inline
from wanflow.planning.planned import Plan
from wanflow.telling.graph import letters
from wanflow.telling.graph.forms import FORMS, written
from wanflow.telling.graph.layout import Layout, Point, Rect, arranged
from wanflow.telling.graph.mermaid import mermaid
from wanflow.telling.graph.steps import Told, path_of, recipe_graph, told_graph
from wanflow.telling.graph.svg import svg
from wanflow.telling.graph.value import Cluster, Count, Edge, Graph, Kind, Mood, Node, Way

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden" / "graphs"
HOSTILE = (
    "<script>alert(1)</script>",
    '"] --> x["',
    "'/><image href=//x>",
    "a\nb;\r c",
    "]]))}}>",
    "#quot; &lt; &#60; &amp;",
    "%%{init: {}}%%",
    "`md` **b**",
    "\x1b[31m\u202e",
    '\\N \\" \\',
    "$$x^2$$",
    "汉字 émoji 🎨",
    "]]>",
)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipes as nobody ran them yet."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in ("recipes", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".wanflow", "out"))
    (folder / "wanflow.toml").write_text("jobs = 1\n")
    return folder


def plan_of(shipped: Path, name: str, **options: object) -> Plan:
    return api.plan(shipped / "recipes" / f"{name}.yaml", api.Options(**options))  # type: ignore[arg-type]


def graph_of(shipped: Path, name: str) -> Graph:
    plan = plan_of(shipped, name)
    return recipe_graph(plan.recipe, plan)


def edges(graph: Graph) -> dict[tuple[str, str], Edge]:
    return {(edge.source, edge.target): edge for edge in graph.edges}


def node(graph: Graph, id_: str) -> Node:
    return next(node for node in graph.nodes if node.id == id_)


# -- what is in it


@pytest.mark.parametrize("name", ["restore", "looks", "album"])
def test_a_recipe_is_drawn_as_it_was_approved(name: str, shipped: Path) -> None:
    """GOLDEN=write draws anew."""
    graph = graph_of(shipped, name)
    for form in FORMS:
        found, file = written(graph, form), GOLDEN / f"{name}.{form}"
        if os.environ.get("GOLDEN") == "write":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(found, encoding="utf-8")
        assert found == file.read_text(encoding="utf-8"), file.name


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_jobs_of_every_shipped_recipe_are_all_counted(recipe: Path, shipped: Path) -> None:
    plan = plan_of(shipped, recipe.stem)
    graph = recipe_graph(plan.recipe, plan)
    counts = [count for node in graph.nodes for count in node.counts]
    assert sum(count.number for count in counts if count.word == "run") == plan.totals.run
    assert sum(count.number for count in counts) == plan.totals.jobs
    assert {node.id for node in graph.nodes} == {end for edge in graph.edges for end in (edge.source, edge.target)}


def test_instances_of_a_matrix_are_one_node(shipped: Path) -> None:
    graph = graph_of(shipped, "looks")
    look = node(graph, "look")
    assert (look.copies, [str(count) for count in look.counts]) == (3, ["9 later"])
    assert edges(graph)["look", "sheet"].way is Way.ROWS
    assert "once, for all rows" in node(graph, "sheet").marks


def test_a_step_that_may_be_bypassed_has_a_way_around_it(shipped: Path) -> None:
    graph = graph_of(shipped, "restore")
    assert edges(graph)["detail", "out wide"].way is Way.PAST
    assert edges(graph)["frame", "out wide"].way is Way.ONE
    assert node(graph, "frame").marks == ("if row.left > 1 or row.right > 1, else bypass",)


def test_candidates_gates_and_masks_are_marked(shipped: Path) -> None:
    assert node(graph_of(shipped, "poster"), "art").marks == ("2 candidates, picked by hand",)
    assert node(graph_of(shipped, "print"), "large").marks == ("gate, 1 reroll",)
    found = edges(graph_of(shipped, "new_background"))
    assert (found["around", "scene"].label, found["prep", "proof"].label, found["scene", "proof"].label) == (
        "mask",
        "1",
        "2",
    )


def test_costs_are_those_of_the_plan(shipped: Path) -> None:
    plan = plan_of(shipped, "restore", backend="dashscope")
    graph = recipe_graph(plan.recipe, plan)
    costs = [node.cost for node in graph.nodes if node.cost]
    assert costs == ["$0.0803", "$0.0803", "$0.0603"]
    assert (
        graph.summary
        == "at DashScope, cn-beijing: 11 paid tasks, 11 images, $0.2208, 4 free jobs, about 64 s; 0 reused"
    )


NESTED = {
    "r.yaml": """wanflow: 1
name: outer
manifest: {from: rows.csv}
steps:
  mid: {uses: ./parts/mid.yaml, image: row.photo, when: row.id == "1", otherwise: bypass}
  last: {uses: local/fit, image: steps.mid, with: {max_side: 8}}
outputs:
  last: {image: steps.last, to: "out/${{ row.id }}.png"}
""",
    "parts/mid.yaml": """wanflow: 1
inputs: {photo: {}}
steps:
  first: {uses: local/fit, image: inputs.photo, with: {max_side: 48}}
  deep: {uses: ./deep/deep.yaml, image: steps.first}
outputs:
  it: {image: steps.deep}
""",
    "parts/deep/deep.yaml": """wanflow: 1
inputs: {photo: {}}
steps:
  only: {uses: local/fit, image: inputs.photo, with: {max_side: 16}}
outputs:
  it: {image: steps.only}
""",
    "rows.csv": "id,photo\n1,a.png\n2,a.png\n",
}


def test_recipes_within_recipes_are_clusters_and_may_be_bypassed_whole(tmp_path: Path) -> None:
    for name, text in NESTED.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(next((ROOT / "examples/restore/photos").glob("*.jpg")), tmp_path / "a.png")
    plan = api.plan(tmp_path / "r.yaml")
    graph = recipe_graph(plan.recipe, plan)
    assert [cluster.words for cluster in graph.clusters] == [
        'mid · ./parts/mid.yaml · if row.id == "1", else bypass',
        "deep · ./deep/deep.yaml",
    ]
    assert edges(graph)["in row.photo", "last"].way is Way.PAST
    assert ("in row.photo", "mid.deep.only") not in edges(graph)
    layout = sound(graph)
    inner, outer = layout.clusters["mid", "deep"], layout.clusters["mid",]
    assert within(inner, outer)


# -- of plain values


def test_a_run_is_drawn_from_plain_values() -> None:
    steps = [
        Told("prep", "local/fit", counts=(Count(3, "done", Mood.GOOD),)),
        Told("look@book-0.4", "wan/stylization_all", ["prep"], cost="$0.02", counts=(Count(2, "done", Mood.GOOD),)),
        Told("look@gold-0.7", "wan/stylization_all", ["prep"], cost="$0.04", counts=(Count(3, "done", Mood.GOOD),)),
        Told("sheet", "local/contact_sheet", ["look@book-0.4", "look@gold-0.7"], per_run=True),
    ]
    graph = told_graph("looks", steps)
    assert node(graph, "look") == Node(
        "look", "look", Kind.MODEL, "wan/stylization_all", (), (Count(5, "done", Mood.GOOD),), "$0.06", 2
    )
    assert list(graph.edges) == [Edge("prep", "look"), Edge("look", "sheet", way=Way.ROWS)]


def test_a_need_that_is_no_step_is_left_out() -> None:
    assert told_graph("t", [Told("a", "local/fit", ["b", "a"])]).edges == []


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("prep", ("prep",)),
        ("look@book-0.4", ("look",)),
        ("restore.detail", ("restore", "detail")),
        ("restore@a-1.5.look@book-0.4", ("restore", "look")),
    ],
)
def test_the_path_of_a_step_is_read_from_its_id(step: str, path: tuple[str, ...]) -> None:
    assert path_of(step) == path


# -- that it can be read


def points(route: list[tuple[Point, Point]], *, down: bool) -> Iterator[Point]:
    """A line as it is drawn: straight parts, and the cubic curves between them."""
    before: Point | None = None
    for start, end in route:
        if before:
            (x0, y0), (x3, y3) = before, start
            x1, y1, x2, y2 = (x0, (y0 + y3) / 2, x3, (y0 + y3) / 2) if down else ((x0 + x3) / 2, y0, (x0 + x3) / 2, y3)
            for step in range(1, 20):
                t, u = step / 20, 1 - step / 20
                parts = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
                yield (
                    sum(part * x for part, x in zip(parts, (x0, x1, x2, x3), strict=True)),
                    sum(part * y for part, y in zip(parts, (y0, y1, y2, y3), strict=True)),
                )
        yield from (start, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end)
        before = end


def holds(rect: Rect, point: Point) -> bool:
    """Whether a point is inside, not on the edge."""
    return rect.x + 1 < point[0] < rect.x + rect.width - 1 and rect.y + 1 < point[1] < rect.y + rect.height - 1


def apart(one: Rect, other: Rect) -> bool:
    return (
        one.x + one.width <= other.x + 0.01
        or other.x + other.width <= one.x + 0.01
        or one.y + one.height <= other.y + 0.01
        or other.y + other.height <= one.y + 0.01
    )


def within(inner: Rect, outer: Rect) -> bool:
    return (
        outer.x <= inner.x + 0.01
        and outer.y <= inner.y + 0.01
        and inner.x + inner.width <= outer.x + outer.width + 0.01
        and inner.y + inner.height <= outer.y + outer.height + 0.01
    )


def sound(graph: Graph) -> Layout:
    """The layout, after a look at it: nothing stands on anything, each in its cluster, and no line crosses a box."""
    layout = arranged(graph, {node.id: (150.0, 60.0) for node in graph.nodes})
    assert layout.nodes.keys() == {node.id for node in graph.nodes}
    assert all(apart(one, other) for one, other in combinations(layout.nodes.values(), 2))
    page = Rect(0, 0, layout.width, layout.height)
    for one in graph.nodes:
        assert within(layout.nodes[one.id], page)
        for path, rect in layout.clusters.items():
            is_in = one.within[: len(path)] == path
            assert within(layout.nodes[one.id], rect) if is_in else apart(layout.nodes[one.id], rect)
    for edge, route in zip(graph.edges, layout.routes, strict=True):
        if edge.source == edge.target:
            continue
        ends = layout.nodes[edge.source], layout.nodes[edge.target]
        drawn = list(points(list(route), down=layout.down))
        for rect, (x, y) in zip(ends, (drawn[0], drawn[-1]), strict=True):
            assert rect.x - 0.01 <= x <= rect.x + rect.width + 0.01
            assert rect.y - 0.01 <= y <= rect.y + rect.height + 0.01
        ins = [node(graph, name).within for name in (edge.source, edge.target)]
        strange = [rect for path, rect in layout.clusters.items() if all(one[: len(path)] != path for one in ins)]
        assert not [point for point in drawn for rect in [*layout.nodes.values(), *strange] if holds(rect, point)]
    return layout


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Steps in order, some in recipes within; each takes some before it, and no recipe needs what needs it."""
    blocks = [
        [()] * draw(st.integers(0, 4)),
        draw(st.lists(st.sampled_from([("a",), ("c",)]), max_size=3, unique=True)),
    ]
    paths = []
    for path in draw(st.permutations([*blocks[0], *blocks[1]])):
        inner = [("a", "b")] * draw(st.integers(0, 3)) if path == ("a",) else []
        paths += [*[path] * draw(st.integers(1, 3)), *inner, *[path] * (draw(st.integers(0, 2)) if path else 0)]
    paths = paths or [()]
    nodes = [Node(f"n{number}", f"n{number}", Kind.LOCAL, within=path) for number, path in enumerate(paths)]
    found = [
        Edge(f"n{source}", f"n{number}", draw(st.sampled_from(["", "mask"])))
        for number in range(1, len(nodes))
        for source in draw(st.sets(st.integers(0, number - 1), max_size=3))
    ]
    clusters = [Cluster(path) for path in (("a",), ("a", "b"), ("c",)) if any(p[: len(path)] == path for p in paths)]
    return Graph("g", nodes, found, clusters)


@given(graphs())
def test_boxes_stand_apart_and_no_line_crosses_one(graph: Graph) -> None:
    sound(graph)


def test_a_circle_is_drawn_all_the_same() -> None:
    nodes = [Node(name, name, Kind.LOCAL) for name in "abc"]
    graph = Graph("circle", nodes, [Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("b", "b")])
    sound(graph)


def test_a_chain_is_straight_and_a_file_that_comes_out_stands_beside_it() -> None:
    nodes = [Node(name, name, Kind.LOCAL) for name in "abcd"] + [Node("out", "out", Kind.OUTPUT)]
    chain = [Edge("a", "b"), Edge("b", "c"), Edge("c", "d")]
    layout = sound(Graph("chain", nodes, [*chain, Edge("b", "out")]))
    middles = [layout.nodes[name].x + layout.nodes[name].width / 2 for name in "ab"]
    assert middles[0] == pytest.approx(middles[1], abs=0.5)
    assert layout.nodes["c"].x < layout.nodes["out"].x


def test_wide_graphs_run_from_left_to_right() -> None:
    nodes = [Node("root", "root", Kind.LOCAL), *(Node(f"n{i}", f"n{i}", Kind.LOCAL) for i in range(30))]
    layout = sound(Graph("wide", nodes, [Edge("root", f"n{i}") for i in range(30)]))
    assert not layout.down
    assert layout.width < 1000


def test_two_hundred_steps_are_drawn() -> None:
    steps = [Told(f"step_{i}", "local/fit", [f"step_{(i * 7) // 9}"] if i else []) for i in range(200)]
    drawn = svg(told_graph("many", steps))
    assert drawn.count('<g class="node') == 200
    assert drawn == svg(told_graph("many", steps))


# -- that nothing gets out


def hostile_graph(text: str) -> Graph:
    nodes = [
        Node("a", text, Kind.INPUT, text, (text,), (Count(1, text),), text, 3),
        Node(text, text, Kind.MODEL, text, (text,), (Count(1, text),), text, within=("c",)),
        Node("b", text, Kind.OUTPUT, text),
    ]
    return Graph(text, nodes, [Edge("a", text, text), Edge(text, "b", text)], [Cluster(("c",), text, (text,))], text)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_strangers_are_shown_as_text(text: str) -> None:
    graph = hostile_graph(text)
    tree = ET.fromstring(written(graph, "svg"))  # noqa: S314
    plain = ET.fromstring(written(hostile_graph("x"), "svg"))  # noqa: S314
    assert {element.tag for element in tree.iter()} == {element.tag for element in plain.iter()}
    assert all(not name.startswith("on") for element in tree.iter() for name in element.attrib)
    shown = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}title")]
    assert f"Graph of {inline(text)}" in shown
    for form in FORMS:
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", written(graph, form))


@pytest.mark.parametrize("text", HOSTILE)
def test_mermaid_gets_one_statement_a_line(text: str) -> None:
    label = r'"[^"\[\](){}<>`%&;#]*(?:(?:<br/>|#\d+;)[^"\[\](){}<>`%&;#]*)*"'
    statements = re.compile(
        rf"flowchart TD|  accTitle: [^<>{{}}]*| +n\d+(?:\[{label}\]|\(\[{label}\]\))| +subgraph c\d+\[{label}\]| +end"
        rf"|  n\d+ (?:-->|==>|-\.->)(?:\|{label}\|)? n\d+|  classDef \w+ [\w:#,-]+|  class [n\d,]+ \w+"
    )
    lines = mermaid(hostile_graph(text)).splitlines()
    assert [line for line in lines if not statements.fullmatch(line)] == []
    assert len(lines) == len(mermaid(hostile_graph("x")).splitlines())
    assert "$$" not in "".join(lines)


@pytest.mark.parametrize("text", HOSTILE)
def test_dot_gets_whole_strings(text: str) -> None:
    drawn = written(hostile_graph(text), "dot")
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', drawn)
    assert bare == re.sub(r'"(?:[^"\\]|\\.)*"', '""', written(hostile_graph("x"), "dot"))
    if dot := shutil.which("dot"):
        subprocess.run([dot, "-Tsvg"], input=drawn, text=True, capture_output=True, check=True)


def test_an_element_for_a_page_has_no_style_and_leads_nowhere(shipped: Path) -> None:
    drawn = svg(graph_of(shipped, "album"))
    assert not re.search(r"<style|style=|https?:|url\(|href|<script", drawn)
    assert 'role="img"' in drawn
    assert "; restore.prep" not in drawn.partition("<desc>")[0]
    assert "prep (local/fit): 4 run, from photo" in drawn


def test_wide_letters_take_more_room() -> None:
    assert letters.width("汉字", 10) == 20
    assert letters.cells("汉字a") == 5
    assert letters.cut("汉字汉字", 10, 35) == "汉字…"
    assert letters.cut("abc", 10, 100) == "abc"
