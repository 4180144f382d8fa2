"""Check a manifest: every problem at once, each with its place and what to do.

Usage:
  scalable validate [MANIFEST] [options]

Arguments:
  MANIFEST  The manifest; $SCALABLE_MANIFEST or scalable.yaml if not given.

Options:
  --env-file=FILE  Read variables from this file; the environment wins.

Every target and overlay is checked. Nothing is started, no connection is made.

Examples:
  scalable validate
  scalable validate study/scalable.yaml --json

Exit codes:
  0  No errors; there may be warnings.
  3  There are errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.errors import Exit, ManifestError
from scalable_cli.model.problem import Severity
from scalable_cli.session import open_source
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.problems import problems_text
from scalable_cli.ui.terminal import look_of
from scalable_cli.ui.validate_text import valid_text, validation_object

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.model.manifest import Manifest
    from scalable_cli.model.problem import Problem


def main(args: Arguments, host: Host) -> Exit:
    """Check for every target, show what was found."""
    manifest, problems = _check(args, host)
    look = look_of(host.out, host.environ)
    if args.flag("--json"):
        host.out.write(json_text(validation_object(manifest, problems)))
    elif manifest is None:
        host.out.write(problems_text(problems, host.cwd, look))
    else:
        warnings = problems_text(problems, host.cwd, look) if problems else ""
        host.out.write(warnings + valid_text(manifest, look))
    return Exit.MANIFEST if manifest is None else Exit.OK


def _check(args: Arguments, host: Host) -> tuple[Manifest | None, tuple[Problem, ...]]:
    """The manifest for its usual target, None if it has errors; and all problems."""
    try:
        source = open_source(args.text("MANIFEST"), host, env_file=args.text("--env-file"))
        problems = source.check()
        if any(problem.severity is Severity.ERROR for problem in problems):
            return None, problems
        return source.resolve(), problems
    except ManifestError as error:
        return None, error.problems
