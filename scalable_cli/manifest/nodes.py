"""The manifest's text as a tree: mappings, lists and texts, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Scalar:
    """A text; `start` and `end` are its first index in the source and the one after its last.

    `origin` names where it comes from when that is not the manifest's text.
    """

    text: str
    line: int
    column: int
    start: int = 0
    end: int = 0
    origin: str | None = None


@dataclass(slots=True)
class Listing:
    """A list."""

    items: list[Node]
    line: int
    column: int


@dataclass(slots=True)
class Mapping:
    """Keys and values in the order of the text; `keys` has the place of each key."""

    line: int
    column: int
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)


Node = Scalar | Listing | Mapping


def merge(base: Node, over: Node) -> Node:
    """`base` with `over` laid on it: mappings merge key by key, all else is replaced.

    What `over` does not touch stays the same object; neither argument changes.
    """
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    merged = Mapping(base.line, base.column, dict(base.items), dict(base.keys))
    for name, value in over.items.items():
        below = base.items.get(name)
        merged.items[name] = value if below is None else merge(below, value)
        merged.keys[name] = over.keys[name]
    return merged
