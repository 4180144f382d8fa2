"""Frozen dataclasses to JSON values and back, by their type hints."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")

# Names the class where a field may hold one of several.
KIND = "@"


def encode(value: object) -> Any:
    """A JSON value: dataclasses become objects (fields that equal their default are left out)."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if dataclasses.is_dataclass(value):
        encoded: dict[str, object] = {}
        if type(value).__name__.endswith("Options"):
            encoded[KIND] = type(value).__name__
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            if field.default is dataclasses.MISSING or item != field.default:
                encoded[field.name] = encode(item)
        return encoded
    return value


def decode(kind: type[T], value: object) -> T:
    """The dataclass that `encode` wrote; raises ValueError, TypeError or KeyError otherwise."""
    if not isinstance(value, dict):
        raise TypeError(f"{kind.__name__} is written as an object")
    hints = _hints(cast("Any", kind))
    return kind(**{n: _decode(hints[n], item) for n, item in value.items() if n != KIND})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    # Some types are imported for checking only; all of those live in these modules.
    from scalable_cli.model import artifact, manifest, plan, problem
    from scalable_cli.model import cache as cache_types

    names: dict[str, Any] = {}
    for module in (artifact, cache_types, manifest, plan, problem):
        names |= vars(module)
    names |= vars(sys.modules[kind.__module__])
    return typing.get_type_hints(kind, globalns=names)


def _decode(hint: Any, value: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(typing.get_args(hint), value)
    if origin is tuple:
        args = typing.get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_decode(args[0], item) for item in value)
        return tuple(_decode(arg, item) for arg, item in zip(args, value, strict=True))
    if dataclasses.is_dataclass(hint):
        return decode(cast("type", hint), value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if hint is Decimal:
        return Decimal(value)
    return value


def _decode_union(choices: tuple[Any, ...], value: Any) -> Any:
    if value is None:
        return None
    choices = tuple(c for c in choices if c is not type(None))
    if len(choices) == 1:
        return _decode(choices[0], value)
    if isinstance(value, dict):
        for choice in choices:
            if getattr(choice, "__name__", None) == value.get(KIND):
                return _decode(choice, value)
    if isinstance(value, list):
        for choice in choices:
            if typing.get_origin(choice) is tuple:
                return _decode(choice, value)
    return value
