"""Be a worker of a run: do steps for its head until the head lets it go or is gone.

A head starts its workers itself. By hand it adds one on a machine that shares the run's folder
with the head: the head's address and the keys are found there.

Usage:
  scalable worker RUN [options]

Arguments:
  RUN  A run's name, a part of it, or its folder.

Options:
  --pool=NAME      The pool to belong to; the run's first if not given.
  --name=NAME      What the head calls this worker.
  --grace=TIME     How long steps may take to end after SIGTERM [default: 15s].
  --manifest=FILE  The manifest whose storage holds the run.

Exit codes:
  0  The head let it go or is gone, or SIGTERM came.
  2  The run has no such pool.
  5  There is no such run.
  7  The run has no head, or it cannot be reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.commands._runs import run_of
from scalable_cli.engine.server import Place, serve
from scalable_cli.errors import Exit

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host


def main(args: Arguments, host: Host) -> Exit:
    """Find the run, work for it."""
    run = run_of(args, host)
    serve(run, Place(args.text("--pool"), args.text("--name"), args.seconds("--grace") or 0.0))
    return Exit.OK
