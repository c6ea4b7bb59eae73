import json
from decimal import Decimal

import pytest
from legal import legal

from wanflow.functions import authoring, catalog
from wanflow.functions.sizes import resulting


@pytest.mark.parametrize("function", catalog.functions().values(), ids=lambda function: function.name)
def test_every_function_is_complete(function):
    assert function.title and function.description
    assert all(
        rule["required"] is (slot != "hint" and not (slot == "mask" and function.is_local))
        for slot, rule in function.inputs.items()
    )
    assert function.engine_version >= 1
    kinds = ("proxy", "approximate", "real")
    assert kinds.index(function.fidelity) <= kinds.index(function.best_fidelity)
    assert function.alpha in ("keep", "flatten", *(["own"] if function.is_local else []))
    assert set(function.models) <= set(catalog.models())
    assert bool(function.models) != function.is_local
    assert all(rule.get("description") for rule in function.properties.values())


@pytest.mark.parametrize("function", catalog.functions().values(), ids=lambda function: function.name)
def test_every_size_rule_is_known(function):
    assert resulting(function.size, (600, 400), legal(function))[0] >= 1


def test_a_price_is_exact():
    model = catalog.models()["wanx2.1-imageedit"]
    assert (model.offer().price.usd, model.offer().concurrent_tasks) == (Decimal("0.020070"), 2)


def test_the_authoring_schema_names_every_function_and_its_parameters():
    schema = authoring.authoring_schema()
    functions, recipes = schema["$defs"]["step"]["properties"]["uses"]["anyOf"]
    assert functions["enum"] == sorted(catalog.functions())
    assert "pattern" in recipes
    for function in catalog.functions().values():
        assert schema["$defs"][function.name]["properties"].keys() == function.properties.keys()


def test_defaults_take_the_parameters_of_wan_steps_only():
    defaults = authoring.authoring_schema()["$defs"]["defaults"]["properties"]
    assert "seed" in defaults and "max_side" not in defaults


def test_deriving_the_schema_changes_no_exact_schema():
    before = json.dumps([dict(function.parameters) for function in catalog.functions().values()])
    authoring.authoring_schema()
    assert json.dumps([dict(function.parameters) for function in catalog.functions().values()]) == before
