"""Show what the steps of a run wrote to stdout and stderr.

Usage:
  scalable logs [RUN] [options]

Arguments:
  RUN  A run's name, a part of it, or its folder; the newest run if not given.

Options:
  --task=NAME      Only this task, or this step of it: 'simulate[scenario=3]'.
  --failed         Only steps that failed.
  --head           Only what the head itself said, if it ran in the background.
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
from scalable_cli.report import Watching
from scalable_cli.session.detach import HEAD_LOG
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.arguments import Arguments
    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.host import Host
    from scalable_cli.model.artifact import Entry
    from scalable_cli.model.run import Run

_POLL_S = 0.5


def main(args: Arguments, host: Host) -> Exit:
    """Print the logs that are there, then what is added, if that is asked for."""
    directory = run_of(args, host)
    watching = Watching(directory)
    run = watching.look(host.now())
    prefix = HEAD_LOG if args.flag("--head") else _prefix(run, args)
    logs = _Logs(directory, args, host)
    if args.flag("--json"):
        host.out.write(json_text(logs.as_object(run, _entries(directory, run, prefix, args))))
        return Exit.OK
    while True:
        # What was written before the run was seen to have ended is all there is.
        last = run.state.ended or not args.flag("--follow")
        logs.show(_entries(directory, run, prefix, args), last=last)
        if last:
            return Exit.OK
        time.sleep(_POLL_S)
        run = watching.look(host.now())


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


def _entries(directory: RunDirectory, run: Run, prefix: str, args: Arguments) -> Iterator[Entry]:
    """The logs in the order of their names; the head's only when it is asked for."""
    failed = {failure.log for failure in run.failures}
    for entry in directory.store.scan(directory.key(prefix)):
        name = _name(directory, entry)
        if name == HEAD_LOG and not args.flag("--head"):
            continue
        if not args.flag("--failed") or name in failed:
            yield entry


def _name(directory: RunDirectory, entry: Entry) -> str:
    return entry.key.removeprefix(directory.key(""))


class _Logs:
    """Prints logs and remembers how far it came in each."""

    def __init__(self, directory: RunDirectory, args: Arguments, host: Host) -> None:
        self._directory, self._out = directory, host.out
        self._look = look_of(host.out, host.environ)
        self._tail = args.integer("--tail", least=0)
        self._shown: dict[str, int] = {}
        self._last = ""

    def show(self, entries: Iterator[Entry], *, last: bool) -> None:
        """What is new in each log, with a header where another log begins.

        A line that is still being written is left for the next time, unless this is the `last`.
        """
        for entry in entries:
            start = self._shown.get(entry.key)
            if start is not None and entry.size <= start:
                continue
            data = self._directory.store.read(entry.key)[start or 0 :]
            if not last:
                data = data[: data.rfind(b"\n") + 1]
            if data or last:
                self._shown[entry.key] = (start or 0) + len(data)
                name = _name(self._directory, entry)
                self._print(name, data.decode("utf-8", "replace"), first=start is None)
        self._out.flush()

    def as_object(self, run: Run, entries: Iterator[Entry]) -> dict[str, object]:
        """The object `scalable.logs/1`."""
        logs = [
            {
                "log": _name(self._directory, entry),
                "text": self._directory.store.read(entry.key).decode("utf-8", "replace"),
            }
            for entry in entries
        ]
        return {"schema": "scalable.logs/1", "run": run.id, "uri": run.uri, "logs": logs}

    def _print(self, name: str, text: str, *, first: bool) -> None:
        lines = text.split("\n")
        lines = lines[:-1] if lines[-1] == "" else lines
        if first and self._tail is not None:
            lines = lines[len(lines) - self._tail :] if self._tail < len(lines) else lines
        if name != self._last:
            self._out.write(self._look.bold(f"==> {_title(name)} <==") + "\n")
            self._last = name
        self._out.write("".join(f"{printable(line)}\n" for line in lines))


def _title(name: str) -> str:
    step, _, attempt = name.removeprefix("logs/").removesuffix(".log").rpartition("/")
    return f"{step}, attempt {attempt}" if step else attempt
