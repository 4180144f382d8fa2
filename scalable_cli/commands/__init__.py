"""The commands by name; a command's module is imported when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.arguments import Arguments
    from scalable_cli.errors import Exit
    from scalable_cli.host import Host

NAMES = (
    "init",
    "validate",
    "plan",
    "run",
    "status",
    "logs",
    "report",
    "wait",
    "stop",
    "resume",
    "cache",
    "prices",
    "help",
    "version",
)
# What runs in the background and on other machines; the overview leaves them out.
HIDDEN = ("head", "worker")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its usage text for docopt and for people, and what it does."""

    usage: str
    main: Callable[[Arguments, Host], Exit]


def find(name: str) -> Command | None:  # noqa: C901, PLR0912 - one case a command
    """The command called `name`, or None. The imports are written out for PyInstaller."""
    match name:
        case "init":
            from scalable_cli.commands import init

            return Command(init.__doc__ or "", init.main)
        case "validate":
            from scalable_cli.commands import validate

            return Command(validate.__doc__ or "", validate.main)
        case "plan":
            from scalable_cli.commands import plan

            return Command(plan.__doc__ or "", plan.main)
        case "run":
            from scalable_cli.commands import run

            return Command(run.__doc__ or "", run.main)
        case "status":
            from scalable_cli.commands import status

            return Command(status.__doc__ or "", status.main)
        case "logs":
            from scalable_cli.commands import logs

            return Command(logs.__doc__ or "", logs.main)
        case "report":
            from scalable_cli.commands import report

            return Command(report.__doc__ or "", report.main)
        case "wait":
            from scalable_cli.commands import wait

            return Command(wait.__doc__ or "", wait.main)
        case "stop":
            from scalable_cli.commands import stop

            return Command(stop.__doc__ or "", stop.main)
        case "head":
            from scalable_cli.commands import head

            return Command(head.__doc__ or "", head.main)
        case "worker":
            from scalable_cli.commands import worker

            return Command(worker.__doc__ or "", worker.main)
        case "resume":
            from scalable_cli.commands import resume

            return Command(resume.__doc__ or "", resume.main)
        case "cache":
            from scalable_cli.commands import cache

            return Command(cache.__doc__ or "", cache.main)
        case "prices":
            from scalable_cli.commands import prices

            return Command(prices.__doc__ or "", prices.main)
        case "help":
            from scalable_cli.commands import help as help_

            return Command(help_.__doc__ or "", help_.main)
        case "version":
            from scalable_cli.commands import version

            return Command(version.__doc__ or "", version.main)
        case _:
            return None
