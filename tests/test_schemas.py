import json

import jsonschema
import pytest
from jsonschema import Draft202012Validator
from legal import legal

from wanflow.documents import schemas
from wanflow.documents.schemas import shipped
from wanflow.documents.source import parse
from wanflow.errors import UsageError
from wanflow.functions import authoring, catalog

FILES = [*sorted(shipped("schemas").glob("*.schema.json")), shipped("schemas", "grammar.json")]
FUNCTIONS = catalog.functions().values()
PARAMETERS = [(function, name, rule) for function in FUNCTIONS for name, rule in function.properties.items()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_schema_file_is_valid_2020_12(file):
    schema = json.loads(file.read_text(encoding="utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_every_function_has_a_closed_valid_schema(function):
    Draft202012Validator.check_schema(function.parameters)
    assert function.parameters["additionalProperties"] is False
    defaults = {name: rule["default"] for name, rule in function.properties.items() if "default" in rule}
    lenient = function.parameters | {"minProperties": 0, "required": [], "oneOf": [{}], "anyOf": [{}]}
    assert [error.message for error in schemas.validator(lenient).iter_errors(defaults)] == []


def test_the_authoring_schema_is_fresh():
    written = shipped("schemas", "recipe.schema.json").read_text(encoding="utf-8")
    assert written == json.dumps(authoring.authoring_schema(), indent=1, ensure_ascii=False) + "\n", "run make schemas"


def step_with(function, name, value):
    """A step of a function whose other required parameters and inputs are there."""
    inputs = {
        slot: ["row.a"] * rule["min"] if slot == "images" else "row.a"
        for slot, rule in function.inputs.items()
        if rule["required"]
    }
    return {"uses": function.name, **inputs, "with": legal(function, name) | {name: value}}


def literals(rule):
    """Values at and around the limits of a rule, and of every type."""
    yield from (None, True, "text", 1, 1.5, -1, [], {}, rule.get("default"), "x" * (rule.get("maxLength", 10) + 1))
    for limit in ("minimum", "maximum"):
        if limit in rule:
            yield from (rule[limit], rule[limit] - 1, rule[limit] + 1, float(rule[limit]))


@pytest.mark.parametrize(
    ("function", "name", "rule"), PARAMETERS, ids=[f"{function.name}-{name}" for function, name, _ in PARAMETERS]
)
def test_the_authoring_and_the_exact_schema_agree_on_literals(function, name, rule):
    exact = Draft202012Validator(function.parameters)
    authoring = schemas.recipe_validator()
    for value in literals(rule):
        step = step_with(function, name, value)
        judged = authoring.is_valid({"wanflow": 1, "steps": {"a": step}})
        assert (value, judged) == (value, exact.is_valid(step["with"]))


@pytest.mark.parametrize(
    ("function", "name", "rule"), PARAMETERS, ids=[f"{function.name}-{name}" for function, name, _ in PARAMETERS]
)
def test_the_authoring_schema_takes_an_expression_for_every_parameter(function, name, rule):
    step = step_with(function, name, "${{ row.b }}")
    assert schemas.recipe_validator().is_valid({"wanflow": 1, "steps": {"a": step}})


def properties(schema, whole, place=""):
    """Every property that a schema allows, with its place and its rule: references and `allOf` of one followed."""
    for part in schemas.children(schema):
        for name, rule in part.get("properties", {}).items():
            if not isinstance(rule, dict) or rule.get("not") == {} or not rule.keys() - {"const", "pattern"}:
                continue  # not allowed here, or a condition
            for wrapped in rule.get("allOf", []):
                rule = rule | wrapped
            if "$ref" in rule:
                named = rule["$ref"].removeprefix("#/$defs/").replace("~1", "/")
                rule = whole["$defs"][named] | rule
            yield name, rule


EDITED = [(name, schemas.named(name)) for name in ("recipe", "picks", "settings")]
RULES = [(file, name, rule, schema) for file, schema in EDITED for name, rule in properties(schema, schema)]


def alternatives(rule):
    return [rule, *rule.get("anyOf", [])]


def test_an_editor_can_tell_what_every_property_is():
    assert [f"{file}: {name}" for file, name, rule, _ in RULES if not rule.get("description")] == []


def test_an_editor_can_show_a_value_of_every_property():
    shown = {"examples", "enum", "const", "defaultSnippets"}
    lacking = [
        f"{file}: {name}"
        for file, name, rule, _ in RULES
        if not any(shown & one.keys() or one.get("type") == "boolean" for one in alternatives(rule))
        and not (name == "with" and "properties" in rule)  # its own properties have values
    ]
    assert lacking == []
    assert len(RULES) > 300


def test_every_example_and_every_default_keeps_its_rule():
    wrong, judges = [], {}
    for file, name, rule, whole in RULES:
        if file not in judges:
            judges[file] = schemas.validator(whole)
        judge = judges[file]
        for one in alternatives(rule):
            given = [*one.get("examples", []), *([one["default"]] if "default" in one else [])]
            own = judge.evolve(schema={"allOf": [one, rule]})
            wrong += [f"{file}: {name}: {value}" for value in given if not own.is_valid(value)]
    recipe = schemas.named("recipe")
    judge = schemas.validator(recipe)
    for name, part in recipe["$defs"].items():
        own = judge.evolve(schema=part)
        wrong += [f"{name}: {value}" for value in part.get("examples", []) if not own.is_valid(value)]
    assert wrong == []


def test_every_choice_that_is_explained_is_explained_whole():
    explained = [part for _, schema in EDITED for part in schemas.children(schema) if "enumDescriptions" in part]
    assert explained and all(len(part["enum"]) == len(part["enumDescriptions"]) for part in explained)


def suggested(function):
    """The keys of a step that editors offer once its function is known."""
    step = schemas.named("recipe")["$defs"]["step"]
    rules = next(rule for rule in step["allOf"] if rule["if"]["properties"]["uses"].get("const") == function)["then"]
    every = [*step["properties"].items(), *rules["properties"].items()]
    return {key for key, rule in every if not rule.get("doNotSuggest")}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_an_editor_suggests_the_pictures_that_a_function_takes_and_no_others(function):
    slots = {"image", "mask", "images", "hint", "inputs"}
    assert suggested(function.name) & slots == set(function.inputs)
    assert ("candidates" in suggested(function.name)) is not function.is_local
    assert {"when", "matrix", "expect", "with"} <= suggested(function.name)


def test_a_fault_of_a_step_is_told_once():
    # What suggests keys to editors repeats no rule.
    text = "wanflow: 1\nsteps:\n  a: {uses: wan/expand, image: 5, candidates: x, per: 3, pick: {by: 4}, model: m}\n"
    found = [where for where, _ in schemas.document_problems(parse(text, "r.yaml"), schemas.recipe_validator())]
    assert sorted(where[2] for where in found) == ["candidates", "image", "model", "per", "pick"]


def test_every_shipped_recipe_meets_the_authoring_schema():
    recipes = sorted(shipped("recipes").rglob("*.yaml"))
    for file in recipes:
        document = parse(file.read_text(encoding="utf-8"), file.name)
        assert list(schemas.document_problems(document, schemas.recipe_validator())) == []
    assert recipes


def test_schemas_are_found_by_name():
    assert schemas.named("recipe")["title"] == "wanflow recipe"
    assert "upscale_factor" in schemas.named("wan/super_resolution")["properties"]
    with pytest.raises(UsageError, match=r"there is no schema wan/expan\. Did you mean wan/expand\?"):
        schemas.named("wan/expan")


@pytest.mark.parametrize("reference", ["http://192.0.2.1/a.json", "file:///etc/passwd", "#/$defs/none", "other.json"])
def test_a_schema_that_refers_outside_itself_is_refused(reference):
    with pytest.raises(jsonschema.SchemaError, match="leads nowhere within this file"):
        schemas.validator({"properties": {"a": {"anyOf": [{"$ref": reference}]}}})


def test_a_schema_may_refer_to_itself():
    tree = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}
    assert [schemas.validator(tree).is_valid(value) for value in ([[], [[]]], [1])] == [True, False]


@pytest.mark.parametrize(
    ("rule", "value", "said"),
    [
        ({"minimum": 1, "maximum": 4}, 5, ("range", "x must be between 1 and 4, got 5", "")),
        ({"minimum": 1}, 0, ("range", "x must be at least 1, got 0", "")),
        ({"maximum": 4}, 5, ("range", "x must be at most 4, got 5", "")),
        (
            {"type": "boolean"},
            "yes",
            ("type", 'x must be true or false, got "yes"', "Only true and false are read as yes and no."),
        ),
        ({"type": "string"}, 5, ("type", "x must be text, got 5", 'Put it in quotes to make it text: "5".')),
        ({"type": ["integer", "null"]}, "a", ("type", 'x must be a whole number or empty, got "a"', "")),
        (
            {"type": "object"},
            "a:b",
            ("type", 'x must be a map (name: value), got "a:b"', "A space is missing after the colon."),
        ),
        ({"enum": ["warm", "cold"]}, "wram", ("choice", 'x: "wram" is not known', "Did you mean warm?")),
        ({"required": ["a", "b"]}, {}, ("required", "a and b are missing in x", "")),
        ({"maxLength": 2}, "abc", ("length", "x may have at most 2 characters, got 3", "")),
        ({"minItems": 1}, [], ("length", "x must not be empty", "")),
        ({"pattern": "^a"}, "b" * 90, ("pattern", 'x: "' + "b" * 76 + "… does not have the form ^a", "")),
        (False, 1, ("unknown-key", "x can't be used here", "")),
        ({"multipleOf": 2}, 3, ("type", "x: 3 is not a multiple of 2", "")),
    ],
)
def test_failures_are_said_in_plain_words(rule, value, said):
    error = next(Draft202012Validator({"properties": {"x": rule}}).iter_errors({"x": value}))
    assert schemas.said(error, "x") == said


def test_what_schemas_share_is_the_same_in_each():
    plan, explain, provenance = (schemas.named(name) for name in ("plan", "explain", "provenance"))
    decision, job = plan["properties"]["decisions"]["items"]["properties"], explain["$defs"]["job"]["properties"]
    assert {name: job[name] for name in ("job", "action", "reason", "changes")} == {
        name: decision[name] for name in ("job", "action", "reason", "changes")
    }
    assert explain["$defs"]["problem"] == plan["$defs"]["problem"]
    assert explain["$defs"]["step"] == provenance["$defs"]["step"]
    assert explain["$defs"]["provenance"]["properties"] == provenance["properties"]
