"""`from scalable import ScalableSession, cacheable`: the Python side of scalable.

Only names are given here; what they need is imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli import __version__
from scalable_cli.model.artifact import ArtifactRef

if TYPE_CHECKING:
    from scalable_cli.engine.cacheable import cacheable
    from scalable_cli.session.api import ScalableSession

__all__ = ["ArtifactRef", "ScalableSession", "__version__", "cacheable"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    match name:
        case "ScalableSession":
            from scalable_cli.session.api import ScalableSession

            return ScalableSession
        case "cacheable":
            from scalable_cli.engine.cacheable import cacheable

            return cacheable
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
