"""Faults to order: which request or task meets which; by seed, whatever the order in which requests come."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wanflow.errors import UsageError, describe_os_error, did_you_mean, quoted

REQUESTS = ("submit", "query", "list", "cancel", "policy", "upload", "download")
_API = ("submit", "query", "list", "cancel", "policy")

# Where each kind can happen. "task" is decided when a task is taken, and shows when it ends.
KINDS: Mapping[str, tuple[str, ...]] = {
    "latency": REQUESTS,
    "429": _API,
    "burst": _API,
    "500": REQUESTS,
    "503": REQUESTS,
    "reset_before": REQUESTS,
    "reset_after": (*_API, "upload"),
    "hang": REQUESTS,
    "hang_after": (*_API, "upload"),
    "truncated": ("download",),
    "short": ("download",),
    "corrupt": ("download",),
    "wrong_type": ("download",),
    "drip": ("download",),
    "failed": ("task",),
    "partial": ("task",),
    "slow": ("task",),
    "lost": ("task",),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault, or several that share a rate, and where it happens; unset fields take the kind's own."""

    kinds: tuple[str, ...]
    rate: float = 1.0
    on: tuple[str, ...] = ()
    model: str = ""
    after: int = 0
    times: int | None = None
    code: str = ""
    message: str = ""
    seconds: float | None = None
    images: int = 1

    def at(self, place: str, model: str) -> list[str]:
        """The kinds that can happen at a place to a model."""
        if (self.on and place not in self.on) or (self.model and self.model != model):
            return []
        return [kind for kind in self.kinds if place in KINDS[kind]]

    def json(self, kind: str) -> dict[str, Any]:
        """What a task remembers of the fault that it met."""
        return {
            "kind": kind,
            "code": self.code,
            "message": self.message,
            "seconds": self.seconds,
            "images": self.images,
        }


class Faults:
    """The faults in force. At most one is met at a time; each request may meet another at its next try."""

    def __init__(self, faults: Sequence[Fault] = (), seed: int | None = None) -> None:
        self.met: Counter[str] = Counter()
        self.order(faults, seed)

    def order(self, faults: Sequence[Fault], seed: int | None = None) -> None:
        """Put these faults in force instead of those before."""
        self.faults, self.seed = tuple(faults), seed or 0
        self._tries: Counter[tuple[str, str]] = Counter()
        self._seen: Counter[int] = Counter()
        self._hits: Counter[int] = Counter()

    def meet(self, place: str, model: str, identity: str) -> tuple[str, Fault] | None:
        """The fault that this try of a request (or a task) meets, with its kind."""
        self._tries[place, identity] += 1
        point = _point(self.seed, place, identity, self._tries[place, identity])
        below = 0.0
        for number, fault in enumerate(self.faults):
            kinds = fault.at(place, model)
            if not kinds or not self._in_turn(number, fault):
                continue
            if point < below + fault.rate:
                kind = kinds[min(int((point - below) / fault.rate * len(kinds)), len(kinds) - 1)]
                self._hits[number] += 1
                self.met[kind] += 1
                return kind, fault
            below += fault.rate
        return None

    def _in_turn(self, number: int, fault: Fault) -> bool:
        self._seen[number] += 1
        return self._seen[number] > fault.after and (fault.times is None or self._hits[number] < fault.times)


def _point(*parts: object) -> float:
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)


# -- how faults are written


def read(text: str) -> tuple[tuple[Fault, ...], int | None]:
    """Faults and seed (None: not said) from a file (.json, .yaml) or from `rate=0.1,kinds=500+hang,seed=7`.

    Raises UsageError.
    """
    if "=" not in text and Path(text).suffix in (".json", ".yaml", ".yml"):
        return parse(_file(Path(text)))
    entry: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"a fault is written as name=value,name=value; got {quoted(pair)}")
        entry[name.strip()] = value.strip()
    said = {"seed": entry.pop("seed")} if "seed" in entry else {}
    return parse({**said, "faults": [entry]})


def _file(path: Path) -> Any:
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {describe_os_error(error)}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())}") from error


def parse(values: Any) -> tuple[tuple[Fault, ...], int | None]:
    """Faults and seed (None: not said) from {"seed": 7, "faults": [{"kinds": ["500"], "rate": 0.1}]}.

    Raises UsageError.
    """
    if isinstance(values, list):
        values = {"faults": values}
    if not isinstance(values, dict) or not isinstance(values.get("faults"), list):
        raise UsageError('faults are given as {"seed": 7, "faults": [{"kinds": ["500"], "rate": 0.1}]}')
    seed = _number("seed", values["seed"], int) if "seed" in values else None
    return tuple(_fault(entry) for entry in values["faults"]), seed


_NUMBERS: Mapping[str, type[int] | type[float]] = {
    "rate": float,
    "seconds": float,
    "after": int,
    "times": int,
    "images": int,
}


def _fault(entry: Any) -> Fault:
    if not isinstance(entry, dict):
        raise UsageError(f"a fault is a map of names and values, got {quoted(str(entry))}")
    given = dict(entry)
    kinds = _words("kinds", given.pop("kinds", given.pop("kind", "all")), KINDS)
    known = [field.name for field in fields(Fault)]
    if strange := [name for name in given if name not in known]:
        raise UsageError(f"a fault has no {quoted(strange[0])}. {did_you_mean(strange[0], known)}")
    values: dict[str, Any] = {name: str(given[name]) for name in ("model", "code", "message") if name in given}
    values |= {name: _number(name, given[name], kind) for name, kind in _NUMBERS.items() if name in given}
    if "on" in given:
        values["on"] = _words("on", given["on"], (*REQUESTS, "task"))
    if not 0 <= values.get("rate", 1) <= 1:
        raise UsageError(f"a fault's rate is between 0 and 1, got {values['rate']:g}")
    return Fault(kinds, **values)


def _words(name: str, value: Any, known: Iterable[str]) -> tuple[str, ...]:
    words = [str(word) for word in value] if isinstance(value, list) else str(value).split("+")
    if words == ["all"]:
        return tuple(known)
    for word in words:
        if word not in known:
            raise UsageError(f"{name}: {quoted(word)} is not known. {did_you_mean(word, known)}")
    return tuple(words)


def _number(name: str, value: Any, kind: type[int] | type[float]) -> Any:
    try:
        number = kind(value)
        if not math.isfinite(number):
            raise ValueError(number)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"a fault's {name} must be a number, got {quoted(str(value))}") from error
    if number < 0:
        raise UsageError(f"a fault's {name} can't be below 0, got {number}")
    return number
