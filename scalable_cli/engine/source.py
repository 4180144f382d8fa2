"""What a Python function is made of: its source, and that of what it names in its own module."""

from __future__ import annotations

import inspect
import textwrap
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from pathlib import PurePath
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = (type(None), bool, int, float, complex, str, bytes, Decimal, PurePath, Enum)
_sources: WeakKeyDictionary[object, str] = WeakKeyDictionary()


def digest_of_function(function: FunctionType) -> str:
    """The SHA-256 of a function's name, source and defaults, and of what its code refers to.

    Followed are the functions, classes and plain values (numbers, texts, and collections of
    them) of the function's own module and of its closure, and what those refer to in turn.
    Other modules count by name only: their version is not followed. Source is compared as
    text without its common indentation, so a changed comment counts. Values count as they are
    now: with a collection that grows from call to call, each call is a new one.
    """
    digest = sha256(f"{function.__module__}.{function.__qualname__}".encode())
    for part in _parts(function, function.__module__, set()):
        digest.update(b"\0" + part.encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _parts(function: FunctionType, module: str, seen: set[int]) -> Iterator[str]:
    """The texts that make the function what it is, each thing once."""
    if id(function) in seen:
        return
    seen.add(id(function))
    yield _source_of(function)
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()):
        yield from _value_parts("default", value, module, seen)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield from _value_parts(name, cell.cell_contents, module, seen)
        except ValueError:  # a name that is bound later
            continue
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield from _value_parts(name, function.__globals__[name], module, seen)


def _value_parts(name: str, value: object, module: str, seen: set[int]) -> Iterator[str]:
    inner = getattr(value, "__wrapped__", value)
    if isinstance(inner, FunctionType):
        if inner.__module__ == module:
            yield from _parts(inner, module, seen)
        else:
            yield f"{name}: {inner.__module__}.{inner.__qualname__}"
    elif isinstance(value, type):
        yield f"{name}: {value.__module__}.{value.__qualname__}"
        if value.__module__ == module:
            yield from _class_parts(value, module, seen)
    elif isinstance(value, ModuleType):
        yield f"{name}: {value.__name__}"
    elif (text := _plain(value)) is not None:
        yield f"{name} = {text}"


def _class_parts(kind: type, module: str, seen: set[int]) -> Iterator[str]:
    if id(kind) in seen:
        return
    seen.add(id(kind))
    yield _source_of(kind)
    for base in kind.__bases__:
        yield from _value_parts("base", base, module, seen)
    for name, member in sorted(vars(kind).items()):
        inner = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(inner, FunctionType) and inner.__module__ == module:
            yield from _parts(inner, module, seen)
        elif not name.startswith("__") and (text := _plain(member)) is not None:
            yield f"{name} = {text}"


def _names(code: CodeType) -> set[str]:
    """Every name that the code, or code within it, looks up."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _source_of(thing: FunctionType | type) -> str:
    known = _sources.get(thing)
    if known is None:
        try:
            known = textwrap.dedent(inspect.getsource(thing))
        except (OSError, TypeError):  # typed at a prompt, or made by `exec`
            known = _code_text(thing.__code__) if isinstance(thing, FunctionType) else ""
        _sources[thing] = known
    return known


def _code_text(code: CodeType) -> str:
    constants = [_code_text(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"


def _plain(value: object) -> str | None:
    """A text that equal plain values share, whatever the process; None for anything else."""
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    items: list[str | None]
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
    elif isinstance(value, set | frozenset):
        items = sorted(map(_plain, value), key=str)
    elif isinstance(value, dict):
        items = [_plain(part) for pair in value.items() for part in pair]
    else:
        return None
    texts = [text for text in items if text is not None]
    return f"{type(value).__name__} {texts}" if len(texts) == len(items) else None
