"""One JSON object as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def json_text(value: Mapping[str, object], *, indent: int | None = 2) -> str:
    """The object with its keys in their order, ending in a line end."""
    import json

    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
