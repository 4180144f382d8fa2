"""Templates and what was made of one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from scalable_cli.ui.columns import align

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def templates_text(about: Mapping[str, str], default: str) -> str:
    """The templates, one a line, and how to use one."""
    rows = [
        (name, text + (" (default)" if name == default else "")) for name, text in about.items()
    ]
    lines = [*align(rows), "", "Use one: scalable init DIR --template NAME"]
    return "".join(f"{line}\n" for line in lines)


def created_text(template: str, folder: Path, files: Sequence[str]) -> str:
    """The files that were made, and the next commands."""
    manifest = shlex.quote(str(folder / "scalable.yaml"))
    lines = [
        f'Created {folder}/ from the template "{template}":',
        *(f"  {name}" for name in files),
        "Next:",
        f"  scalable plan {manifest}",
        f"  scalable run {manifest}",
    ]
    return "".join(f"{line}\n" for line in lines)
