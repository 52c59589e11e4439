"""Values as JSON has them."""

from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]


def inside(value: JsonValue, *names: str) -> JsonValue:
    """What lies in an object at these names, one inside the other; None where there is nothing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def whole_number(value: JsonValue) -> int:
    """A whole number; 0 in the place of anything else."""
    return value if isinstance(value, int) else 0
