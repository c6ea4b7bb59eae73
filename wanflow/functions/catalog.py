"""The functions and models that a recipe can name, read from schemas/functions/*.json and schemas/models.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from wanflow.documents.schemas import Schema, load, shipped
from wanflow.errors import UsageError, did_you_mean
from wanflow.model import Price


@dataclass(frozen=True, slots=True)
class Function:
    """What a step can do: its inputs, exact parameter schema, size rule, models and draft engine.

    `fidelity` is what the draft engine makes of it at worst; where that depends on the prompt, `best_fidelity` differs.
    `alpha` is "keep", "flatten" (onto white) or "own" (as its description says); a stamped proxy is flattened in any
    case.
    """

    name: str
    title: str
    description: str
    inputs: Mapping[str, Mapping[str, Any]]
    parameters: Schema
    size: Mapping[str, Any]
    models: tuple[str, ...]
    engine_version: int
    fidelity: str
    best_fidelity: str
    also_called: tuple[str, ...]
    alpha: str
    draft_seconds: float

    @property
    def is_local(self) -> bool:
        """True for local/* functions, which cost nothing on any backend."""
        return self.name.startswith("local/")

    def rules(self) -> dict[str, Any]:
        """What decides whether a request is allowed and how large its picture gets."""
        return {"inputs": dict(self.inputs), "parameters": dict(self.parameters), "size": dict(self.size)}

    @property
    def properties(self) -> Mapping[str, Schema]:
        """The schema of each parameter."""
        properties: Mapping[str, Schema] = self.parameters["properties"]
        return properties


@dataclass(frozen=True, slots=True)
class Region:
    """Where the provider serves, and base URLs there (None: only the form with a workspace exists)."""

    name: str
    city: str
    title: str
    base_url: str | None
    workspace_url: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to ask for images: a path after the base URL, and how request and answer are laid out."""

    name: str
    path: str
    is_async: bool
    body: str
    answer: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A model in one region: its name there, the account's limits, and the price (None: not known)."""

    region: str
    name: str
    submissions_per_second: float
    concurrent_tasks: int
    price: Price | None
    price_note: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the provider: offers by region, and the rules for requests as schemas/models.schema.json says them."""

    name: str
    title: str
    protocols: tuple[Protocol, ...]
    offers: Mapping[str, Offer]
    typical_seconds: tuple[float, float]
    prompt: Mapping[str, Any]
    negative_prompt: Mapping[str, Any] | None
    functions: Mapping[str, Mapping[str, Any]]
    images: Mapping[str, Any] | None
    size: Mapping[str, Any] | None
    parameters: Mapping[str, Schema]
    result_prompts: bool

    def offer(self, region: str | None = None) -> Offer:
        """The offer of a region; without one, of the first that sells the model. Raises KeyError."""
        return self.offers[region or next(iter(self.offers))]

    def parameter_rules(self, function: str | None = None) -> dict[str, Schema]:
        """The schema of every field of `parameters`: the model's, and those of one of its own functions."""
        return {**self.parameters, **_own_parameters(self, function)}


def _own_parameters(model: Model, function: str | None) -> Mapping[str, Schema]:
    known = functions().get(f"wan/{function}") if function in model.functions else None
    shared = {"prompt", "negative_prompt", *model.parameters}
    return {name: rule for name, rule in known.properties.items() if name not in shared} if known else {}


@cache
def functions() -> Mapping[str, Function]:
    """Every function by name, in order of name."""
    files = sorted(shipped("schemas", "functions").glob("*.json"))
    read = [_function(json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return {function.name: function for function in read}


def _function(entry: Mapping[str, Any]) -> Function:
    engine = entry["engine"]
    return Function(
        name=entry["name"],
        title=entry["title"],
        description=entry["description"],
        inputs=entry["inputs"],
        parameters=entry["parameters"],
        size=entry["size"],
        models=tuple(entry.get("models", ())),
        engine_version=engine["version"],
        fidelity=engine["fidelity"],
        best_fidelity=engine.get("best_fidelity", engine["fidelity"]),
        also_called=tuple(entry["also_called"]),
        alpha=entry["alpha"],
        draft_seconds=engine["seconds"],
    )


@cache
def regions() -> Mapping[str, Region]:
    """Every region by the provider's own name for it: cn-beijing."""
    places = load("models.json")["regions"]
    fields = ("city", "title", "base_url", "workspace_url")
    return {name: Region(name, *(place[field] for field in fields)) for name, place in places.items()}


def region_named(text: str) -> Region:
    """The region of this name (cn-beijing) or city (beijing). Raises UsageError."""
    known = {region.city: region for region in regions().values()} | dict(regions())
    if text.lower() not in known:
        raise UsageError(f"there is no region {text}. {did_you_mean(text, known)}")
    return known[text.lower()]


@cache
def protocols() -> Mapping[str, Protocol]:
    """Every protocol by name."""
    ways = load("models.json")["protocols"]
    return {
        name: Protocol(name, way["path"], way["mode"] == "async", way["body"], way["answer"])
        for name, way in ways.items()
    }


def account() -> Mapping[str, Any]:
    """The limits that hold for all models of an account together."""
    limits: Mapping[str, Any] = load("models.json")["account"]
    return limits


def result_life() -> timedelta:
    """How long the provider keeps a task and its pictures."""
    return timedelta(hours=account()["result_hours"])


@cache
def models() -> Mapping[str, Model]:
    """Every model by name."""
    return {name: _model(name, entry) for name, entry in load("models.json")["models"].items()}


def _model(name: str, entry: Mapping[str, Any]) -> Model:
    low, high = entry["typical_seconds"]
    return Model(
        name=name,
        title=entry["title"],
        protocols=tuple(protocols()[way] for way in entry["protocols"]),
        offers={region: _offer(name, region, offer) for region, offer in entry["regions"].items()},
        typical_seconds=(low, high),
        prompt=entry["prompt"],
        negative_prompt=entry["negative_prompt"],
        functions=entry.get("functions", {}),
        images=entry["images"],
        size=entry["size"],
        parameters=entry["parameters"],
        result_prompts=entry["result_prompts"],
    )


def _offer(model: str, region: str, entry: Mapping[str, Any]) -> Offer:
    limits = entry["limits"]
    return Offer(
        region=region,
        name=entry.get("name", model),
        submissions_per_second=limits["submissions_per_second"],
        concurrent_tasks=limits["concurrent_tasks"],
        price=entry["price"] and _price(entry["price"]),
        price_note=entry.get("price_note", ""),
    )


def _price(entry: Mapping[str, str]) -> Price:
    return Price(Decimal(entry["amount"]), entry["currency"], Decimal(entry["usd"]), entry["date"], entry["source"])


def offered(region: str) -> Mapping[str, Model]:
    """The models of a region by their names there."""
    return {model.offers[region].name: model for model in models().values() if region in model.offers}
