# SPDX-License-Identifier: MIT
"""Hold JSON against a schema: the part of JSON Schema 2020-12 that ours use, refusing the rest.

    schema.py SCHEMA FILE...

Stricter than the standard in one point: an object whose members are listed may have no others, so that a member that is
added must be documented too.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}
SILENT = {"$schema", "title", "description", "$defs"}


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b


class Schema:
    def __init__(self, path: Path) -> None:
        self.root = json.loads(path.read_text(encoding="utf-8"))

    def faults(self, value: Any) -> list[str]:
        return list(self._faults(value, self.root, "$"))

    def _is_good(self, value: Any, schema: Any, at: str) -> bool:
        return next(self._faults(value, schema, at), None) is None

    def _faults(self, value: Any, schema: Any, at: str) -> Iterator[str]:
        for word, rule in schema.items():
            if word not in SILENT:
                yield from getattr(self, "_" + word.lstrip("$"))(value, rule, at, schema)

    def _ref(self, value: Any, rule: str, at: str, _schema: Any) -> Iterator[str]:
        target = self.root
        for step in rule.removeprefix("#/").split("/"):
            target = target[step]
        yield from self._faults(value, target, at)

    def _type(self, value: Any, rule: Any, at: str, _schema: Any) -> Iterator[str]:
        if not any(TYPES[name](value) for name in ([rule] if isinstance(rule, str) else rule)):
            yield f"{at} is not of type {rule}"

    def _const(self, value: Any, rule: Any, at: str, _schema: Any) -> Iterator[str]:
        if not same(value, rule):
            yield f"{at} is {value!r}, not {rule!r}"

    def _enum(self, value: Any, rule: Any, at: str, _schema: Any) -> Iterator[str]:
        if not any(same(value, one) for one in rule):
            yield f"{at}: {value!r} is none of those listed"

    def _pattern(self, value: Any, rule: str, at: str, _schema: Any) -> Iterator[str]:
        if isinstance(value, str) and not re.search(rule, value):
            yield f"{at}: {value!r} does not match {rule}"

    def _minimum(self, value: Any, rule: int, at: str, _schema: Any) -> Iterator[str]:
        if isinstance(value, int) and value < rule:
            yield f"{at} is less than {rule}"

    def _minItems(self, value: Any, rule: int, at: str, _schema: Any) -> Iterator[str]:
        if isinstance(value, list) and len(value) < rule:
            yield f"{at} has fewer than {rule}"

    def _maxItems(self, value: Any, rule: int, at: str, _schema: Any) -> Iterator[str]:
        if isinstance(value, list) and len(value) > rule:
            yield f"{at} has more than {rule}"

    def _items(self, value: Any, rule: Any, at: str, _schema: Any) -> Iterator[str]:
        for i, item in enumerate(value if isinstance(value, list) else []):
            yield from self._faults(item, rule, f"{at}[{i}]")

    def _required(self, value: Any, rule: list[str], at: str, _schema: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (f"{at} lacks {name}" for name in rule if name not in value)

    def _dependentRequired(self, value: Any, rule: Any, at: str, schema: Any) -> Iterator[str]:
        for name, others in rule.items():
            if isinstance(value, dict) and name in value:
                yield from self._required(value, others, at, schema)

    def _properties(self, value: Any, rule: Any, at: str, schema: Any) -> Iterator[str]:
        if isinstance(value, dict) and schema.get("type") == "object":
            yield from (f"{at} has {name}" for name in value if name not in rule)
        for name, inner in rule.items():
            if isinstance(value, dict) and name in value:
                yield from self._faults(value[name], inner, f"{at}.{name}")

    def _not(self, value: Any, rule: Any, at: str, _schema: Any) -> Iterator[str]:
        if self._is_good(value, rule, at):
            yield f"{at} is what it must not be"

    def _anyOf(self, value: Any, rule: Any, at: str, _schema: Any) -> Iterator[str]:
        if not any(self._is_good(value, one, at) for one in rule):
            yield f"{at}: {value!r} is of none of the kinds allowed"

    def _oneOf(self, value: Any, rule: Any, at: str, _schema: Any) -> Iterator[str]:
        count = sum(self._is_good(value, one, at) for one in rule)
        if count != 1:
            yield f"{at} is of {count} of the kinds of which it must be one"


def main() -> int:
    schema, is_good = Schema(Path(sys.argv[1])), True
    for name in sys.argv[2:]:
        value = json.loads(Path(name).read_text(encoding="utf-8"))
        for fault in schema.faults(value):
            print(f"{name}: {fault}")
            is_good = False
        try:
            import jsonschema  # a second opinion, where it is installed
        except ImportError:
            continue
        jsonschema.Draft202012Validator(schema.root).validate(value)
    return not is_good


if __name__ == "__main__":
    sys.exit(main())
