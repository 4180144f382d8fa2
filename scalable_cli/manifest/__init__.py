"""The manifest: from the file that the user wrote to a `Manifest`, or to every problem in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.errors import ManifestError
from scalable_cli.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scalable_cli.manifest.source import ManifestSource

__all__ = ["ManifestSource", "open_manifest"]


def open_manifest(
    path: Path, environ: Mapping[str, str], *, shown_as: str | None = None
) -> ManifestSource:
    """Read and parse a manifest; relative paths in it start from its folder.

    Raises ManifestError when nothing can be resolved: missing, not UTF-8, a syntax error.
    Problems have `shown_as` (else `path`) as their file.
    """
    from scalable_cli.manifest.findings import Findings, in_order
    from scalable_cli.manifest.parse import parse_text
    from scalable_cli.manifest.source import ManifestSource
    from scalable_cli.manifest.text import read_text

    shown = shown_as or str(path)
    text = read_text(path, shown)
    if isinstance(text, Problem):
        raise ManifestError([text])
    found = Findings(shown, text)
    tree = parse_text(text, found)
    if tree is None:
        raise ManifestError(in_order(found.problems))
    syntax = tuple(found.problems)
    return ManifestSource(shown, path.absolute().parent, environ, text, tree, syntax)


def __getattr__(name: str) -> object:
    """`ManifestSource`, imported when it is first asked for: start-up time counts."""
    if name == "ManifestSource":
        from scalable_cli.manifest.source import ManifestSource

        return ManifestSource
    raise AttributeError(name)
