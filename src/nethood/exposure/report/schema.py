"""docs/scan-schema.json: the JSON Schema of a line of JSON, made from the classes themselves.

`python -m nethood.exposure.report.schema` prints it; a test compares the two.
"""

from __future__ import annotations

import json
from typing import Any

from nethood.exposure.model import SCHEMA_VERSION
from nethood.exposure.report.json_lines import HostObject, SummaryObject


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a line."""
    from pydantic import TypeAdapter

    adapter: TypeAdapter[HostObject | SummaryObject] = TypeAdapter(HostObject | SummaryObject)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:nethood:scan-schema:{SCHEMA_VERSION}",
        "title": f"A line of JSON of nethood scan and nethood check, version {SCHEMA_VERSION}",
        **adapter.json_schema(mode="serialization"),
    }


def render() -> str:
    """Return the text of docs/scan-schema.json."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(render(), end="")
