"""List what is cached, explain why steps run again, clean up.

Usage:
  scalable cache ls [MANIFEST] [options]
  scalable cache explain TASK [MANIFEST] [options]
  scalable cache gc [MANIFEST] [options]

Arguments:
  TASK      A task, or one step of it: simulate, 'simulate[scenario=3]'.
  MANIFEST  The manifest; $SCALABLE_MANIFEST or scalable.yaml if not given.

Options:
  --task=NAME        ls: only results of this task.
  --run=RUN          ls, gc: only results that this run made; a part of its name
                     suffices.
  --sort=WHAT        ls: age (the last used first; if not given) or size.
  --all              ls: every result; without it the first 50.
  --older-than=TIME  gc: remove results that were not used for so long: 30d.
  --max-size=SIZE    gc: remove those not used for longest until the rest fits:
                     10G.
  -y, --yes          gc: do it; without it nothing is removed.
  -t, --target=NAME  For this target; the first one if not given.
  --overlay=NAME     Apply this overlay of the manifest.
  --env-file=FILE    Read variables from this file; the environment wins.

gc also removes files that no result refers to, damaged records, and what was
left unfinished a day ago. It spares what a run that is going on may use. Runs
keep their results: they have names of their own for the same files, and such a
file takes disk until its last name is gone.

Examples:
  scalable cache ls --sort size
  scalable cache explain simulate
  scalable cache gc --older-than 30d
  scalable cache gc --max-size 10G --yes

Exit codes:
  0  Shown, or removed.
  2  The command line is wrong: no such task, step or run.
  3  The manifest has problems.
  5  Refused: the cache has records of a later version.
  8  The cache cannot be read, or something could not be removed.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from scalable_cli.arguments import closest
from scalable_cli.commands._opening import session_of
from scalable_cli.errors import Exit, StorageError, UsageError
from scalable_cli.model.units import parse_bytes, parse_duration
from scalable_cli.ui.cache_list_text import (
    CleanUp,
    Listing,
    clean_up_object,
    clean_up_text,
    list_object,
    list_text,
)
from scalable_cli.ui.cache_text import Explained, explain_object, explain_text
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.model.plan import Plan
    from scalable_cli.session.caching import CacheView
    from scalable_cli.store.inventory import Result

_FIRST = 20
_FIRST_LISTED = 50
_SORTS: dict[str, Callable[[Result], tuple[float, str]]] = {
    "age": lambda result: (-result.file.modified, result.record.step),
    "size": lambda result: (-result.size, result.record.step),
}
_VERBS = {
    "--task": ("ls",),
    "--sort": ("ls",),
    "--all": ("ls",),
    "--run": ("ls", "gc"),
    "--older-than": ("gc",),
    "--max-size": ("gc",),
    "--yes": ("gc",),
}


def main(args: Arguments, host: Host) -> Exit:
    """List the cache, explain a task, or clean up."""
    verb = next(verb for verb in ("ls", "explain", "gc") if args.flag(verb))
    for option, verbs in _VERBS.items():
        if args.values.get(option) and verb not in verbs and option not in args.origin:
            raise UsageError(f"{option} is an option of scalable cache {' and '.join(verbs)}")
    return {"ls": _list, "explain": _explain, "gc": _clean_up}[verb](args, host)


def _list(args: Arguments, host: Host) -> Exit:
    from scalable_cli.session.caching import view_cache

    sort = args.text("--sort") or "age"
    if sort not in _SORTS:
        raise UsageError(f'--sort must be age or size, not "{sort}"')
    view = view_cache(session_of(args, host))
    listing = Listing(view, sorted(_asked(view, args), key=_SORTS[sort]), host.now())
    if args.flag("--json"):
        host.out.write(json_text(list_object(listing)))
    else:
        most = len(listing.results) if args.flag("--all") else _FIRST_LISTED
        host.out.write(list_text(listing, most, look_of(host.out, host.environ)))
    return Exit.OK


def _asked(view: CacheView, args: Arguments) -> list[Result]:
    task, run = args.text("--task"), args.text("--run")
    return [
        result
        for result in view.inventory.results
        if (task is None or result.record.step.partition("[")[0] == task)
        and (run is None or run in result.record.run)
    ]


def _explain(args: Arguments, host: Host) -> Exit:
    """Plan, and tell of each step of the task what its result is or why it has none."""
    plan = session_of(args, host).plan()
    found = _find(plan, args.text("TASK") or "")
    if args.flag("--json"):
        host.out.write(json_text(explain_object(found)))
    else:
        most = len(found.steps) if args.flag("--verbose") else _FIRST
        host.out.write(explain_text(found, most, look_of(host.out, host.environ)))
    return Exit.OK


def _clean_up(args: Arguments, host: Host) -> Exit:
    from scalable_cli.session.caching import clean_up, plan_clean_up
    from scalable_cli.store.gc import GcLimits

    older, size = args.text("--older-than"), args.text("--max-size")
    try:
        seconds = None if older is None else float(parse_duration(older))
    except ValueError:
        raise UsageError(f'--older-than must be like 30d or 12h, not "{older}"') from None
    try:
        most = None if size is None else parse_bytes(size)
    except ValueError:
        raise UsageError(f'--max-size must be like 10G or 500M, not "{size}"') from None
    session = session_of(args, host)
    plan = plan_clean_up(session, GcLimits(seconds, most, args.text("--run")))
    done = args.flag("--yes")
    errors = clean_up(session, plan) if done else []
    told = CleanUp(plan, _command(args), done, len(errors))
    if args.flag("--json"):
        host.out.write(json_text(clean_up_object(told)))
    else:
        host.out.write(clean_up_text(told, look_of(host.out, host.environ)))
    if errors:
        host.out.flush()
        count = f" (the first of {len(errors):,} files)" if len(errors) > 1 else ""
        raise StorageError(f"{errors[0].text}{count}", hint=errors[0].hint)
    return Exit.OK


def _command(args: Arguments) -> list[str]:
    """The command line that does what this one showed."""
    words = ["scalable", "cache", "gc"]
    manifest = args.text("MANIFEST")
    words += [shlex.quote(manifest)] if manifest else []
    for name in ("--older-than", "--max-size", "--run", "--target", "--overlay", "--env-file"):
        value = args.text(name)
        words += [name, shlex.quote(value)] if value else []
    return [*words, "--yes"]


def _find(plan: Plan, name: str) -> Explained:
    task_name = name.partition("[")[0]
    planned = next((task for task in plan.tasks if task.task.name == task_name), None)
    if planned is None:
        close = closest(task_name, [task.task.name for task in plan.tasks])
        hint = f'did you mean "{close}"?' if close else None
        raise UsageError(f'there is no task "{task_name}"', hint=hint)
    steps = tuple(plan.steps[index] for index in planned.steps)
    if "[" in name:
        ids = [step.id for step in steps]
        steps = tuple(step for step in steps if step.id == name)
        if not steps:
            close = closest(name, ids)
            hint = f"did you mean '{close}'?" if close else None
            raise UsageError(f'there is no step "{name}"', hint=hint)
    return Explained(planned, steps)
