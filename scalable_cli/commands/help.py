"""Show what scalable can do, or how one command is used.

Usage:
  scalable help [COMMAND] [options]

Examples:
  scalable help
  scalable help plan

Exit codes:
  0  Shown.
  2  There is no such command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli import __version__
from scalable_cli.arguments import EVERYWHERE, closest
from scalable_cli.commands import NAMES, find
from scalable_cli.errors import Exit, UsageError

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host

OVERVIEW = f"""\
scalable {__version__}: one manifest, from a laptop to a cluster, AWS or GCP.

Usage:
  scalable COMMAND [ARGUMENTS] [OPTIONS]

Before a run:
  init       Start a project that runs, from a bundled template
  validate   Check a manifest: every problem at once, each with its place
  plan       Show what a run would do, why, how long it takes, and what it costs
  prices     List and show the price tables that plan uses

The run:
  run        Run what is new or changed
  status     Show how a run is going
  logs       Show what the steps of a run wrote
  wait       Wait until a run has ended
  stop       End a run; running steps finish first
  resume     Go on with a run that was stopped
  report     Sum up a run: steps, time, cost, results
  cache      List, explain and clean up what is cached

More:
  help       Show the help of a command: scalable help plan
  version    Show the version

Start with:  scalable init demo  &&  scalable plan demo/scalable.yaml

Exit codes:
  0  done                      6  stopped: a limit, or on request
  1  a step failed             7  the provider failed, a run was lost
  2  wrong command line        8  storage failed
  3  wrong manifest            9  image failed
  4  the set-up lacks a thing  10 there is work to do: plan, wait and stop
  5  refused                   11 verification found a difference
  70 a bug in scalable         130, 143 stopped by Ctrl-C, by SIGTERM
"""


def main(args: Arguments, host: Host) -> Exit:
    """Print the overview, or one command's usage."""
    name = args.text("COMMAND")
    host.out.write(OVERVIEW if name is None else _usage(name))
    return Exit.OK


def _usage(name: str) -> str:
    command = find(name)
    if command is None:
        close = closest(name, NAMES)
        hint = f"did you mean scalable help {close}?" if close else "scalable help"
        raise UsageError(f'unknown command "{name}"', hint=hint)
    return command.usage.rstrip("\n") + "\n" + EVERYWHERE
