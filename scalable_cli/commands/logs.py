"""Show what the steps of a run wrote to stdout and stderr.

Usage:
  scalable logs [RUN] [options]

Arguments:
  RUN  A run's name, a part of it, or its folder; the newest run if not given.

Options:
  --task=NAME      Only this task, or this step of it: 'simulate[scenario=3]'.
  --failed         Only steps that failed.
  --tail=N         Only the last N lines of each log.
  -f, --follow     Go on until the run has ended.
  --manifest=FILE  The manifest whose storage holds the run.

Examples:
  scalable logs --failed
  scalable logs run-20261122T101713-climate-3f9a1c --task simulate --tail 5
  scalable logs --follow

Exit codes:
  0  Shown.
  2  The run has no such task.
  5  There is no such run.
  8  The run cannot be read.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scalable_cli.arguments import closest
from scalable_cli.commands._runs import printable, run_of
from scalable_cli.engine.steps import log_name
from scalable_cli.errors import Exit, UsageError
from scalable_cli.report import fold_run
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.arguments import Arguments
    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.host import Host
    from scalable_cli.model.run import Run

_POLL_S = 0.5


def main(args: Arguments, host: Host) -> Exit:
    """Print the logs that are there, then what is added, if that is asked for."""
    directory = run_of(args, host)
    run = fold_run(directory, host.now())
    prefix = _prefix(run, args)
    logs = _Logs(directory, args, host)
    if args.flag("--json"):
        host.out.write(json_text(logs.as_object(run, _names(directory, run, prefix, args))))
        return Exit.OK
    while True:
        ended = run.state.ended
        logs.show(_names(directory, run, prefix, args))
        if ended or not args.flag("--follow"):
            return Exit.OK
        time.sleep(_POLL_S)
        run = fold_run(directory, host.now())


def _prefix(run: Run, args: Arguments) -> str:
    """Where the logs that are asked for begin: `logs/`, `logs/<task>/`, `logs/<task>/<step>/`."""
    name = args.text("--task")
    if name is None:
        return "logs/"
    task = name.partition("[")[0]
    tasks = [progress.task for progress in run.tasks]
    if task not in tasks:
        close = closest(task, tasks)
        hint = f'did you mean "{close}"?' if close else f"its tasks are: {', '.join(tasks)}"
        raise UsageError(f'the run has no task "{task}"', hint=hint)
    return log_name(name, 1).rpartition("/")[0] + "/" if "[" in name else f"logs/{task}/"


def _names(directory: RunDirectory, run: Run, prefix: str, args: Arguments) -> Iterator[str]:
    """The logs in the order of their names."""
    failed = {failure.log for failure in run.failures}
    for entry in directory.store.scan(directory.key(prefix)):
        name = entry.key.removeprefix(f"{directory.id}/")
        if not args.flag("--failed") or name in failed:
            yield name


class _Logs:
    """Prints logs and remembers how far it came in each."""

    def __init__(self, directory: RunDirectory, args: Arguments, host: Host) -> None:
        self._directory, self._out = directory, host.out
        self._look = look_of(host.out, host.environ)
        self._tail = args.integer("--tail", least=0)
        self._shown: dict[str, int] = {}
        self._last = ""

    def show(self, names: Iterator[str]) -> None:
        """What is new in each log, with a header where another log begins."""
        for name in names:
            data = self._read(name)
            start = self._shown.get(name, 0)
            if len(data) == start and name in self._shown:
                continue
            self._shown[name] = len(data)
            self._print(name, data[start:].decode("utf-8", "replace"), first=start == 0)
        self._out.flush()

    def as_object(self, run: Run, names: Iterator[str]) -> dict[str, object]:
        """The object `scalable.logs/1`."""
        logs = [
            {"log": name, "text": self._read(name).decode("utf-8", "replace")} for name in names
        ]
        return {"schema": "scalable.logs/1", "run": run.id, "uri": run.uri, "logs": logs}

    def _read(self, name: str) -> bytes:
        return self._directory.store.read(self._directory.key(name))

    def _print(self, name: str, text: str, *, first: bool) -> None:
        lines = text.split("\n")
        lines = lines[:-1] if lines[-1] == "" else lines
        if first and self._tail is not None:
            lines = lines[len(lines) - self._tail :] if self._tail < len(lines) else lines
        if name != self._last:
            step, _, attempt = name.removeprefix("logs/").removesuffix(".log").rpartition("/")
            title = f"{step}, attempt {attempt}"
            self._out.write(self._look.bold(f"==> {title} <==") + "\n")
            self._last = name
        self._out.write("".join(f"{printable(line)}\n" for line in lines))
