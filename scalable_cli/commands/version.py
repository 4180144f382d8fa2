"""Show the version of scalable.

Usage:
  scalable version [options]

Exit codes:
  0  Shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli import __version__
from scalable_cli.errors import Exit
from scalable_cli.ui.json_text import json_text

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host


def main(args: Arguments, host: Host) -> Exit:
    """Print name and version."""
    if args.flag("--json"):
        host.out.write(json_text({"schema": "scalable.version/1", "version": __version__}))
    else:
        host.out.write(f"scalable {__version__}\n")
    return Exit.OK
