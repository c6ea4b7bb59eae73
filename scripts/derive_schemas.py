"""Writes schemas/recipe.schema.json from schemas/grammar.json and schemas/functions/*.json (make schemas)."""

import json
from pathlib import Path

from wanflow.functions.authoring import authoring_schema

TARGET = Path(__file__).parent.parent / "schemas" / "recipe.schema.json"


def derived() -> str:
    return json.dumps(authoring_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(derived(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
