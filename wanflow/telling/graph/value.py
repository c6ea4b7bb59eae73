"""What is drawn: nodes, edges and the recipes within the recipe, as plain values. Every writer draws from these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a node is: a picture that comes in, a step done here or by a model, a file that comes out."""

    INPUT = "input"
    LOCAL = "local"
    MODEL = "model"
    OUTPUT = "output"

    @property
    def color(self) -> str:
        """That of its line, the same in every format."""
        return _COLORS[self]


# Middle tones, to be seen on white and on black, and told apart by eyes without red or green.
_COLORS = {Kind.INPUT: "#3b82f6", Kind.LOCAL: "#808080", Kind.MODEL: "#d97706", Kind.OUTPUT: "#0d9488"}


class Way(StrEnum):
    """How pictures go along an edge: one for one, all of them, those of all rows; or past a step that is bypassed."""

    ONE = "one"
    ALL = "all"
    ROWS = "rows"
    PAST = "past"


class Mood(StrEnum):
    """What a count means to whoever looks: it decides the colour, never the words."""

    OPEN = "open"
    WAITING = "waiting"
    GOOD = "good"
    REUSED = "reused"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Count:
    """So many jobs: 12 run."""

    number: int
    word: str
    mood: Mood = Mood.QUIET

    def __str__(self) -> str:
        return f"{self.number:,} {self.word}"


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in the graph; `copies` are the instances of a matrix, `within` the steps that use its recipe, the
    outermost first. `about` is its function, or where it comes from or goes.
    """

    id: str
    title: str
    kind: Kind
    about: str = ""
    marks: tuple[str, ...] = ()
    counts: tuple[Count, ...] = ()
    cost: str = ""
    copies: int = 1
    within: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """All of it on a line: "look ×3 (wan/stylization_all), 3 candidates: 12 run, $0.24"."""
        copies = f" ×{self.copies}" if self.copies > 1 else ""
        about = f" ({self.about})" if self.about else ""
        tail = ", ".join([*map(str, self.counts), *([self.cost] if self.cost else [])])
        return f"{self.title}{copies}{about}{''.join(f', {mark}' for mark in self.marks)}{f': {tail}' if tail else ''}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A picture that goes from a node to another; `label` is the input that it becomes, where that isn't the image."""

    source: str
    target: str
    label: str = ""
    way: Way = Way.ONE


@dataclass(frozen=True, slots=True)
class Cluster:
    """A recipe that a step uses: the ids of that step and those around it, and what is told of it."""

    path: tuple[str, ...]
    about: str = ""
    marks: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The step's own id."""
        return self.path[-1]

    @property
    def words(self) -> str:
        """All of it on a line: "restore · ./parts/restore.yaml"."""
        return " · ".join([self.title, *([self.about] if self.about else []), *self.marks])


@dataclass(frozen=True, slots=True)
class Graph:
    """All of it, nodes in an order in which they can run; `summary` is one line of words."""

    title: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    clusters: Sequence[Cluster] = ()
    summary: str = ""

    def takes(self, node: Node) -> Iterator[Edge]:
        """The edges that lead to a node."""
        return (edge for edge in self.edges if edge.target == node.id)

    def lines(self) -> Iterator[str]:
        """A sentence a node, for who doesn't see the picture."""
        names = {node.id: ".".join((*node.within, node.title)) for node in self.nodes}
        for node in self.nodes:
            sources = list(dict.fromkeys(names[edge.source] for edge in self.takes(node) if edge.way is not Way.PAST))
            yield f"{node.words}, from {', '.join(sources)}" if sources else node.words
