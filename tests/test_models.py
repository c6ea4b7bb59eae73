"""schemas/models.json and errors.json: complete, valid, honest about what is not known, one with the functions."""

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from wanflow.documents.schemas import load, shipped
from wanflow.errors import UsageError
from wanflow.functions import catalog
from wanflow.functions.narrow import narrowed

FILE = load("models.json")
MODELS = catalog.models()
CHECK = Draft202012Validator(load("models.schema.json"))
NAMES = {
    "wanx2.1-imageedit",
    "wan2.5-i2i-preview",
    "wan2.6-image",
    "wan2.6-t2i",
    "wan2.5-t2i-preview",
    "wan2.2-t2i-flash",
    "wan2.2-t2i-plus",
    "wanx2.1-t2i-turbo",
    "wanx2.1-t2i-plus",
    "wanx2.0-t2i-turbo",
    "wanx-v1",
}


def test_every_documented_model_is_there() -> None:
    assert set(MODELS) == NAMES


@pytest.mark.parametrize("name", ["models", "errors"])
def test_table_keeps_its_schema(name: str) -> None:
    Draft202012Validator(load(f"{name}.schema.json")).validate(load(f"{name}.json"))


def broken(change: Any) -> list[str]:
    """The places that the schema objects to after a change."""
    file = copy.deepcopy(FILE)
    change(file)
    return [error.json_path for error in CHECK.iter_errors(file)]


def price(file: Any, **changes: Any) -> None:
    file["models"]["wanx-v1"]["regions"]["cn-beijing"]["price"] |= changes


@pytest.mark.parametrize(
    "change",
    [
        lambda file: price(file, amount="0.00"),
        lambda file: price(file, amount=0.16),
        lambda file: price(file, currency="EUR"),
        lambda file: price(file, source="sure"),
        lambda file: file["models"]["wanx-v1"]["regions"]["cn-beijing"].update(price=None),
        lambda file: file["models"]["wanx-v1"].update(colour="red"),
        lambda file: file["models"]["wanx-v1"]["parameters"].pop("n"),
        lambda file: file["models"]["wanx-v1"]["negative_prompt"].update({"in": "header"}),
        lambda file: file["regions"]["cn-beijing"].update(base_url="http://example.com/api/v1"),
        lambda file: file["protocols"]["image2image"].update(mode="later"),
    ],
)
def test_schema_objects_to_what_is_wrong(change: Any) -> None:
    assert len(broken(change)) == 1


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_model_is_whole(model: catalog.Model) -> None:
    assert set(model.offers) <= set(catalog.regions())
    Draft202012Validator.check_schema({"properties": dict(model.parameters)})
    for name, rule in model.parameters.items():
        if "default" in rule:
            Draft202012Validator(rule).validate(rule["default"])
        assert name != "negative_prompt"
    assert model.typical_seconds[0] <= model.typical_seconds[1]
    assert ("size" in model.parameters) == (model.size is not None)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_price_that_is_not_known_is_null_and_said_never_zero(model: catalog.Model) -> None:
    for offer in model.offers.values():
        if offer.price is None:
            assert offer.price_note
        else:
            assert offer.price.amount > 0
            assert offer.price.usd > 0
            assert offer.price.date >= "2026-11-20"


def test_yuan_become_dollars_at_the_providers_own_rate() -> None:
    rate = Decimal("0.020070") / Decimal("0.14")
    prices = [offer.price for model in MODELS.values() for offer in model.offers.values() if offer.price]
    assert {price.currency for price in prices} == {"CNY", "USD"}
    for price in prices:
        wanted = price.amount if price.currency == "USD" else price.amount * rate
        assert abs(price.usd - wanted) < Decimal("0.000001")


def test_model_may_have_another_name_elsewhere() -> None:
    assert "wanx2.1-t2i-turbo" in catalog.offered("cn-beijing")
    assert catalog.offered("ap-southeast-1")["wan2.1-t2i-turbo"] is MODELS["wanx2.1-t2i-turbo"]
    assert "wanx2.1-imageedit" not in catalog.offered("ap-southeast-1")
    assert catalog.offered("ap-northeast-1") == {}


def test_region_is_found_by_its_name_or_its_city() -> None:
    found = [catalog.region_named(text).name for text in ("ap-southeast-1", "singapore", "Singapore")]
    assert found == ["ap-southeast-1"] * 3
    with pytest.raises(UsageError, match=r"there is no region beijng. Did you mean"):
        catalog.region_named("beijng")


def test_limits_are_those_of_the_region() -> None:
    model = MODELS["wan2.6-t2i"]
    found = {region: (offer.submissions_per_second, offer.concurrent_tasks) for region, offer in model.offers.items()}
    assert found == {"cn-beijing": (1, 5), "ap-southeast-1": (5, 5), "us-east-1": (5, 5), "eu-central-1": (5, 5)}


def test_default_number_of_images_differs() -> None:
    defaults = {name: model.parameters["n"]["default"] for name, model in MODELS.items()}
    assert defaults.pop("wanx2.1-imageedit") == 1
    assert set(defaults.values()) == {4}


def test_negative_prompt_stands_where_each_model_has_it() -> None:
    places = {name: model.negative_prompt and model.negative_prompt["in"] for name, model in MODELS.items()}
    assert places.pop("wanx2.1-imageedit") is None
    assert {name for name, place in places.items() if place == "parameters"} == {"wan2.6-t2i", "wan2.6-image"}


# What the provider says, copied by hand. By region: submissions a second, tasks at once, price (None: not known).
BEIJING, SINGAPORE, VIRGINIA, FRANKFURT = "cn-beijing", "ap-southeast-1", "us-east-1", "eu-central-1"
LIMITS: dict[str, dict[str, tuple[int, int, str | None]]] = {
    "wanx2.1-imageedit": {BEIJING: (2, 2, "CNY 0.14")},
    "wan2.5-i2i-preview": {BEIJING: (5, 5, "CNY 0.20"), SINGAPORE: (5, 5, "USD 0.03")},
    "wan2.6-image": {BEIJING: (5, 5, "CNY 0.20"), SINGAPORE: (5, 5, "USD 0.03"), VIRGINIA: (5, 5, None)},
    "wan2.6-t2i": {
        BEIJING: (1, 5, "CNY 0.20"),
        SINGAPORE: (5, 5, "USD 0.03"),
        VIRGINIA: (5, 5, None),
        FRANKFURT: (5, 5, None),
    },
    "wan2.5-t2i-preview": {BEIJING: (5, 5, "CNY 0.20"), SINGAPORE: (5, 5, "USD 0.03")},
    "wan2.2-t2i-flash": {BEIJING: (2, 2, "CNY 0.14"), SINGAPORE: (2, 2, "USD 0.025")},
    "wan2.2-t2i-plus": {BEIJING: (2, 2, "CNY 0.20"), SINGAPORE: (2, 2, "USD 0.05")},
    "wanx2.1-t2i-turbo": {BEIJING: (2, 2, "CNY 0.14"), SINGAPORE: (2, 2, "USD 0.025")},
    "wanx2.1-t2i-plus": {BEIJING: (2, 2, "CNY 0.20"), SINGAPORE: (2, 2, "USD 0.05")},
    "wanx2.0-t2i-turbo": {BEIJING: (2, 2, "CNY 0.04")},
    "wanx-v1": {BEIJING: (2, 1, "CNY 0.16")},
}

# Characters of prompt and negative prompt; pictures: how many, sides in pixels, megabytes; sizes that are made.
SIDES = {"default": [1024, 1024], "min_side": 512, "max_side": 1440}
WISHES = {"default": [1280, 1280], "min_pixels": 1280 * 1280, "max_pixels": 1440 * 1440, "max_ratio": 4}
REQUESTS: dict[str, tuple[int, int | None, tuple[int, ...] | None, dict[str, Any] | None]] = {
    "wanx2.1-imageedit": (800, None, (1, 1, 512, 4096, 10), None),
    "wan2.5-i2i-preview": (
        2000,
        500,
        (1, 3, 384, 5000, 10),
        {"pixels": 1280 * 1280, "min_pixels": 768 * 768, "max_pixels": 1280 * 1280, "max_ratio": 4},
    ),
    "wan2.6-image": (
        2000,
        500,
        (1, 4, 240, 8000, 10),
        {
            "pixels": 1280 * 1280,
            "names": {"1K": 1280 * 1280, "2K": 2048 * 2048},
            "multiple": 16,
            "min_pixels": 768 * 768,
            "max_pixels": 2048 * 2048,
            "max_ratio": 4,
        },
    ),
    "wan2.6-t2i": (2100, 500, None, WISHES),
    "wan2.5-t2i-preview": (2000, 500, None, WISHES),
    "wan2.2-t2i-flash": (500, 500, None, SIDES),
    "wan2.2-t2i-plus": (500, 500, None, SIDES),
    "wanx2.1-t2i-turbo": (500, 500, None, SIDES),
    "wanx2.1-t2i-plus": (500, 500, None, SIDES),
    "wanx2.0-t2i-turbo": (800, 500, None, SIDES),
    "wanx-v1": (
        800,
        500,
        (0, 1, 1, 8000, 10),
        {"default": [1024, 1024], "choices": ["1024*1024", "720*1280", "768*1152", "1280*720"]},
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_and_prices_are_the_providers(name: str) -> None:
    found = {
        region: (
            offer.submissions_per_second,
            offer.concurrent_tasks,
            f"{offer.price.currency} {offer.price.amount}" if offer.price else None,
        )
        for region, offer in MODELS[name].offers.items()
    }
    assert found == LIMITS[name]


@pytest.mark.parametrize("name", REQUESTS)
def test_what_a_request_may_hold_is_the_providers(name: str) -> None:
    model, images = MODELS[name], MODELS[name].images
    pictures = images and (*(images[k] for k in ("min", "max", "min_side", "max_side")), images["max_bytes"] // 2**20)
    sizes = model.size and {k: v for k, v in model.size.items() if k not in ("rule", "source", "note")}
    negative = model.negative_prompt and model.negative_prompt["max_length"]
    assert (model.prompt["max_length"], negative, pictures, sizes) == REQUESTS[name]


def test_every_model_stands_in_both_tables() -> None:
    assert set(LIMITS) == set(REQUESTS) == NAMES
    assert [images["max_ratio"] for m in MODELS.values() if (images := m.images) and "max_ratio" in images] == [4]
    flat = {name for name, model in MODELS.items() if model.images and not model.images["alpha"]}
    tiff = {name for name, model in MODELS.items() if model.images and "TIFF" in model.images["formats"]}
    assert (flat, tiff) == ({"wan2.5-i2i-preview"}, {"wanx2.1-imageedit"})


# -- one with the functions

EDITS = MODELS["wanx2.1-imageedit"]
OWN = {name: catalog.functions()[f"wan/{name}"] for name in EDITS.functions if f"wan/{name}" in catalog.functions()}


def test_every_function_that_imageedit_runs_is_one_of_its_ten() -> None:
    assert len(OWN) == len(EDITS.functions) == 10
    runs = {
        name.removeprefix("wan/") for name, function in catalog.functions().items() if EDITS.name in function.models
    }
    assert runs <= set(EDITS.functions)


@pytest.mark.parametrize(("name", "function"), OWN.items(), ids=OWN)
def test_function_and_model_say_the_same(name: str, function: catalog.Function) -> None:
    rule = EDITS.functions[name]
    assert ("mask" in rule) == ("mask" in function.inputs)
    assert ("empty_prompt" in rule) == ("pattern" not in function.properties["prompt"])
    assert function.properties["prompt"]["maxLength"] == EDITS.prompt["max_length"]
    assert EDITS.images
    # A hint is for the draft engine only.
    for given in (rule for slot, rule in function.inputs.items() if slot != "hint"):
        for limit in ("min_side", "max_side", "max_bytes", "formats"):
            assert given[limit] == EDITS.images[limit]


def test_own_parameters_of_a_function_come_from_its_own_file() -> None:
    shared = set(EDITS.parameters)
    own = {name: set(EDITS.parameter_rules(name)) - shared for name in OWN}
    assert own["expand"] == {"top_scale", "bottom_scale", "left_scale", "right_scale"}
    assert own["stylization_all"] == own["description_edit"] == {"strength"}
    assert own["super_resolution"] == {"upscale_factor"}
    assert own["doodle"] == {"is_sketch"}
    assert own["colorization"] == own["stylization_local"] == own["control_cartoon_feature"] == set()


def test_image_to_image_and_its_model_say_the_same() -> None:
    function, model = narrowed("wan/i2i", "wan2.5-i2i-preview"), MODELS["wan2.5-i2i-preview"]
    assert model.images and model.size
    limits = ("min", "max", "min_side", "max_side", "max_bytes", "formats")
    assert [function.inputs["images"][limit] for limit in limits] == [model.images[limit] for limit in limits]
    sizes = ("rule", "pixels", "min_pixels", "max_pixels", "max_ratio")
    assert [function.size[limit] for limit in sizes] == [model.size[limit] for limit in sizes]


def test_errors_know_every_http_class_and_which_429_are_final() -> None:
    codes = load("errors.json")["codes"]
    assert {entry["status"] for entry in codes.values()} >= {400, 401, 403, 404, 429, 500, 503}
    final = {code for code, entry in codes.items() if entry["status"] == 429 and entry["again"] == "account"}
    assert final == {"CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue", "BudgetLimitExceeded"}
    for entry in codes.values():
        assert all(any(text.startswith(start) for text in entry["messages"]) for start in entry.get("texts", {}))


def test_tables_are_utf8_without_repeated_names() -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names))
        return dict(pairs)

    for name in ("models.json", "errors.json"):
        json.loads(shipped("schemas", name).read_text(encoding="utf-8"), object_pairs_hook=once)
