"""The manifest's lock: one digest of what it says, whatever the way it is written."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from scalable_cli.model.digest import digest_of
from scalable_cli.model.manifest import Axis
from scalable_cli.model.problem import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.manifest import Component, Project, Target, Task


def lock_of(
    project: Project,
    target: Target,
    components: Sequence[Component],
    tasks: Sequence[Task],
    *,
    own_size: bool,
) -> str:
    """The SHA-256 of the resolved manifest.

    Blind to formatting, comments, the order of keys and where the file lies. `own_size`:
    the number of workers is this machine's, not the manifest's, and does not count.
    """
    place = _plain(target)
    assert isinstance(place, dict)
    if own_size:
        place["max_workers"] = None
        place["options"] = {**place["options"], "max_workers": None}
    return digest_of(
        {
            "version": 1,
            "project": _plain(project),
            "target": place,
            "components": {c.name: _plain(c) for c in components},
            "tasks": {t.name: _plain(t) for t in tasks},
        }
    )


# Fields whose order is the order of keys in the file.
_UNORDERED = {
    "env",
    "outputs",
    "inputs",
    "mounts",
    "args",
    "tags",
    "node_selector",
    "needs",
    "matrix",
}


def _plain(value: object) -> object:
    if isinstance(value, str | int | bool | None):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Axis):
        return [value.names, [[v.text for v in row] for row in value.rows]]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    assert is_dataclass(value)
    plain: dict[str, object] = {}
    for each in fields(value):
        item = getattr(value, each.name)
        if isinstance(item, Place):
            continue
        listed = _plain(item)
        if each.name in _UNORDERED and isinstance(listed, list):
            listed = sorted(listed, key=repr)
        plain[each.name] = listed
    return plain
