"""A graph -> where everything stands. A recipe within the recipe is drawn by itself first, and then is one box.

What comes into it or leaves it does so at ports of that box, each in line with what it leads to inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wanflow.telling.graph import letters
from wanflow.telling.graph.layers import Box, Link, Station, layered
from wanflow.telling.graph.value import Edge, Graph, Kind, Node, Way

Path = tuple[str, ...]
Point = tuple[float, float]

ASIDE, GAP, PAD, HEAD = 26.0, 46.0, 16.0, 26.0
LABEL = 10.5
# What a page shows without being moved sideways, and what one likes to scroll; a drawing that fits is taken.
PAGE = (1000.0, 1500.0)


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels from the upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Rectangles of nodes by id and of clusters by path; for each edge its straight parts, each from a point to one.
    Where `down` is false, the graph runs from left to right.
    """

    nodes: Mapping[str, Rect]
    clusters: Mapping[Path, Rect]
    routes: Sequence[Sequence[tuple[Point, Point]]]
    width: float
    height: float
    down: bool


def arranged(graph: Graph, sizes: Mapping[str, Point]) -> Layout:
    """The graph from top to bottom, or from left to right where it fits a page better so; `sizes` are of nodes."""
    down = _Arranging(graph, sizes, down=True).layout()
    if _misfit(down) <= 1:
        return down
    right = _Arranging(graph, sizes, down=False).layout()
    return right if _misfit(right) < _misfit(down) else down


def _misfit(layout: Layout) -> float:
    return max(layout.width / PAGE[0], layout.height / PAGE[1])


@dataclass(slots=True)
class _Area:
    """A recipe that is drawn: what stands in it, measured from its own corner, and the parts of edges in it."""

    width: float = 0.0
    height: float = 0.0
    corners: Mapping[str, Point] = field(default_factory=dict)
    routes: dict[int, Sequence[Station]] = field(default_factory=dict)
    ports: dict[tuple[int, str], float] = field(default_factory=dict)
    inner: dict[Path, _Area] = field(default_factory=dict)


class _Arranging:
    """`x` here runs across the ranks and `y` along the edges; it is turned at the end where that is sideways."""

    def __init__(self, graph: Graph, sizes: Mapping[str, Point], *, down: bool) -> None:
        self.graph, self.down = graph, down
        self.sizes = {name: size if down else size[::-1] for name, size in sizes.items()}
        self.kinds = {node.id: node.kind for node in graph.nodes}
        self.within = {node.id: node.within for node in graph.nodes}
        self.abouts = {cluster.path: cluster for cluster in graph.clusters}
        # What every area has around its content: across and along, in front and behind.
        self.pads = (PAD, PAD, HEAD, 8.0) if down else (HEAD + 6, PAD, 8.0, 8.0)

    def layout(self) -> Layout:
        whole = self._area(())
        nodes: dict[str, Rect] = {}
        clusters: dict[Path, Rect] = {}
        pieces: dict[Path, Point] = {}
        self._put((), whole, (0.0, 0.0), nodes, clusters, pieces)
        areas = {(): whole} | dict(_below(whole))
        routes = [
            [part for path in self._way(edge) for part in self._parts(areas[path], number, pieces[path])]
            for number, edge in enumerate(self.graph.edges)
        ]
        width, height = (whole.width, whole.height) if self.down else (whole.height, whole.width)
        return Layout(nodes, clusters, routes, width, height, self.down)

    # -- one area after another, the innermost first

    def _area(self, path: Path) -> _Area:
        area = _Area()
        here = [node for node in self.graph.nodes if node.within[: len(path)] == path]
        for child in dict.fromkeys(node.within[: len(path) + 1] for node in here if len(node.within) > len(path)):
            area.inner[child] = self._area(child)
        boxes = {self._child(path, node): self._box(area, path, node) for node in here}
        links, numbers = [], []
        for number, edge in enumerate(self.graph.edges):
            ends = [self._child_of(path, name) for name in (edge.source, edge.target)]
            if ends[0] == ends[1]:  # elsewhere, or further in
                continue
            link = self._link(area, number, edge, ends, boxes)
            links.append(link)
            numbers.append(number)
        drawing = layered(list(boxes.values()), links, aside=ASIDE if self.down else ASIDE * 0.6, gap=GAP)
        left, right, front, back = self.pads if path else (0.0, 0.0, 0.0, 0.0)
        extra = max(0.0, self._title(path) - drawing.width - left - right) if path and self.down else 0.0
        left += extra / 2
        area.width, area.height = drawing.width + left + right + extra / 2, drawing.height + front + back
        area.corners = {name: (x + left, y + front) for name, (x, y) in drawing.corners.items()}
        if not self.down and path:
            area.height = max(area.height, self._title(path))
        for number, route, link in zip(numbers, drawing.routes, links, strict=True):
            moved = [Station(one.x + left, one.start + front, one.end + front) for one in route]
            area.routes[number] = self._through(area, number, moved, link)
        return area

    def _through(self, area: _Area, number: int, route: list[Station], link: Link) -> list[Station]:
        """A route that begins or ends at a port begins or ends at the area's edge."""
        if route and link.source.startswith(_PORT):
            area.ports[number, "into"] = route[0].x
            route[0] = Station(route[0].x, 0.0, route[0].end)
        if route and link.target.startswith(_PORT):
            area.ports[number, "out"] = route[-1].x
            route[-1] = Station(route[-1].x, route[-1].start, area.height)
        return route

    def _title(self, path: Path) -> float:
        cluster = self.abouts.get(path)
        return letters.width(cluster.words if cluster else path[-1], 12) + 2 * PAD

    def _child(self, path: Path, node: Node) -> str:
        return node.id if node.within == path else _named(node.within[: len(path) + 1])

    def _child_of(self, path: Path, name: str) -> str | None:
        """What stands for a node in an area: itself, the area within it, or nothing."""
        within = self.within[name]
        if within[: len(path)] != path:
            return None
        return name if within == path else _named(within[: len(path) + 1])

    def _box(self, area: _Area, path: Path, node: Node) -> Box:
        if node.within == path:
            return Box(node.id, *self.sizes[node.id])
        inner = area.inner[node.within[: len(path) + 1]]
        return Box(_named(node.within[: len(path) + 1]), inner.width, inner.height)

    def _link(self, area: _Area, number: int, edge: Edge, ends: Sequence[str | None], boxes: dict[str, Box]) -> Link:
        """An edge between two things of an area; what comes from outside, or goes there, has a port of its own."""
        names, at = [], []
        for end, way in zip(ends, ("out", "into"), strict=True):
            if end is None:
                end = f"{_PORT}{number}"
                boxes[end] = Box(end, 0.0, 0.0, first=way == "out", last=way == "into")
            inner = next((one for path, one in area.inner.items() if _named(path) == end), None)
            names.append(end)
            at.append(inner.ports.get((number, way)) if inner else None)
        label = letters.width(edge.label, LABEL) + 14 if edge.label else 0.0
        room = max(16.0, label if self.down else 18.0 if label else 0.0)
        return Link(names[0], names[1], at[0], at[1], room, self._pull(edge))

    def _pull(self, edge: Edge) -> float:
        """What goes on to another step makes a straight line, files that come out stand beside it."""
        if edge.way is Way.PAST:
            return 0.2
        return 0.35 if self.kinds[edge.target] is Kind.OUTPUT else 1.0

    # -- together

    def _put(
        self,
        path: Path,
        area: _Area,
        corner: Point,
        nodes: dict[str, Rect],
        clusters: dict[Path, Rect],
        pieces: dict[Path, Point],
    ) -> None:
        pieces[path] = corner
        for name, (x, y) in area.corners.items():
            if name in self.sizes:
                nodes[name] = self._rect(corner[0] + x, corner[1] + y, *self.sizes[name])
        for child, inner in area.inner.items():
            x, y = area.corners[_named(child)]
            clusters[child] = self._rect(corner[0] + x, corner[1] + y, inner.width, inner.height)
            self._put(child, inner, (corner[0] + x, corner[1] + y), nodes, clusters, pieces)

    def _rect(self, x: float, y: float, width: float, height: float) -> Rect:
        return Rect(x, y, width, height) if self.down else Rect(y, x, height, width)

    def _way(self, edge: Edge) -> Iterator[Path]:
        """The areas that an edge runs through, in its order."""
        out, into = self.within[edge.source], self.within[edge.target]
        shared = 0
        while shared < min(len(out), len(into)) and out[shared] == into[shared]:
            shared += 1
        yield from (out[:length] for length in range(len(out), shared, -1))
        yield from (into[:length] for length in range(shared, len(into) + 1))

    def _parts(self, area: _Area, number: int, corner: Point) -> Iterator[tuple[Point, Point]]:
        for one in area.routes.get(number, ()):
            start, end = (corner[0] + one.x, corner[1] + one.start), (corner[0] + one.x, corner[1] + one.end)
            yield (start, end) if self.down else (start[::-1], end[::-1])


_PORT = "|"


def _named(path: Path) -> str:
    """What an area is called among nodes, none of whose ids begins so."""
    return f"/{'/'.join(path)}"


def _below(area: _Area) -> Iterator[tuple[Path, _Area]]:
    for path, inner in area.inner.items():
        yield path, inner
        yield from _below(inner)
