"""The run that a command line names, and what every command that runs one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli import wiring
from scalable_cli.engine.rundir import RunDirectory, find_run
from scalable_cli.errors import Exit, StorageError, UsageError
from scalable_cli.journal.events import Kind
from scalable_cli.model.run import RunState
from scalable_cli.report import fold_run
from scalable_cli.session import open_session
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.progress import Progress
from scalable_cli.ui.run_json import run_object
from scalable_cli.ui.run_text import TAIL_LINES, Reader, failures_text, next_commands, summary_text
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.journal.events import Event
    from scalable_cli.journal.fold import Fold
    from scalable_cli.session.running import RunResult

_LONGEST_TAIL = 1 << 16
_ENDINGS = (Kind.STEP_DONE, Kind.STEP_CACHED, Kind.STEP_FAILED, Kind.STEP_SKIPPED)


def run_of(args: Arguments, host: Host) -> RunDirectory:
    """The run called RUN in the manifest's storage, or the folder RUN; else the newest run."""
    name = args.text("RUN")
    if name is None or "/" not in name:
        session = open_session(args.text("--manifest"), host)
        return find_run(wiring.storage_of(session.manifest), name)
    place, _, last = name.rstrip("/").rpartition("/")
    run = RunDirectory(wiring.store_for(place or "/", str(host.cwd)), last)
    if run.store.stat(run.key("run.json")) is None:
        raise UsageError(f'"{name}" is no run', hint="scalable status shows the newest run")
    return run


def reader_of(host: Host) -> Reader:
    """Who reads what is written to stdout."""
    return Reader(look_of(host.out, host.environ), str(host.cwd), host.now())


@dataclass
class Watcher:
    """Shows a run's events as they happen; `directory` is known once the run exists."""

    args: Arguments
    host: Host
    directory: RunDirectory | None = None
    progress: Progress | None = None
    _fold: Fold | None = None

    def __call__(self, run: RunDirectory) -> Watcher:
        """Take over the run that is about to start."""
        host, look = self.host, look_of(self.host.err, self.host.environ)
        self.directory = run
        if not self.args.flag("--quiet"):
            host.err.write(f"{look.bold(run.id)}\n")
            host.err.flush()
            live = host.err.isatty() and not host.environ.get("CI")
            self.progress = Progress(host.err, look, live)
        return self

    def on_event(self, event: Event, fold: Fold) -> None:
        """Say what stays, and draw what moves."""
        if self.progress is None:
            return
        self._fold = fold
        step, text = event.text("step"), event.text("text")
        if event.kind is Kind.STEP_RETRIED:
            self.progress.say(f"{step}: {text}; trying again")
        elif event.kind is Kind.STEP_FAILED:
            self.progress.say(f"{step}: {text}")
        elif event.kind is Kind.NOTE:
            self.progress.say(text)
        elif self.args.flag("--verbose") and event.kind in _ENDINGS:
            self.progress.say(f"{step}: {event.kind.value.removeprefix('step.')}")
        self.progress.update(fold.progress)

    def on_output(self) -> None:
        """Leave the screen to the workflow's own output."""
        self.close()
        self.progress = None

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self.progress is not None and self._fold is not None:
            self.progress.close(self._fold.progress())


def show_result(result: RunResult, args: Arguments, host: Host) -> Exit:
    """The summary on stdout, failures on stderr, and the exit code that they mean."""
    run = result.run
    if args.flag("--json"):
        host.out.write(json_text(run_object(run, "scalable.run/1")))
    else:
        host.out.write(summary_text(run, reader_of(host)))
    host.out.flush()
    if run.failures:
        first = next((failure for failure in run.failures if failure.log), run.failures[0])
        others = tuple(failure for failure in run.failures if failure is not first)
        tail = tail_of(result.directory, first.log)
        look = look_of(host.err, host.environ)
        if not args.flag("--json"):
            host.err.write(failures_text((first, *others), run.uri, tail, look))
    if run.state is RunState.DONE:
        return Exit.OK
    return Exit.STEP_FAILED if run.state is RunState.FAILED else Exit.STOPPED


def tail_of(run: RunDirectory, log: str | None) -> list[str]:
    """The last lines of a log, without what would confuse a terminal."""
    if log is None:
        return []
    try:
        data = run.store.read(run.key(log))[-_LONGEST_TAIL:]
    except StorageError:
        return []
    lines = data.decode("utf-8", "replace").rstrip("\n").split("\n")[-TAIL_LINES:]
    return [printable(line) for line in lines] if data else []


def printable(line: str) -> str:
    """A line without control characters; a progress bar's last state counts."""
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line.rpartition("\r")[2])


def stopped_text(run: RunDirectory, host: Host) -> str:
    """What to say when a signal has ended a run."""
    commands = next_commands(fold_run(run, host.now()), str(host.cwd))
    return f"stopped; go on with: {commands[-1]}\n"
