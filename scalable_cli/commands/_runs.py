"""The run that a command line names, and what every command that runs one does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli import wiring
from scalable_cli.engine.lease import read_holder
from scalable_cli.engine.rundir import RunDirectory, find_run
from scalable_cli.errors import Exit, ProviderError, StorageError, UsageError
from scalable_cli.journal.events import Kind
from scalable_cli.model.run import RunState
from scalable_cli.report import Watching, fold_run
from scalable_cli.session import open_session
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.progress import Progress
from scalable_cli.ui.run_json import run_object, started_object
from scalable_cli.ui.run_text import (
    TAIL_LINES,
    Reader,
    failures_text,
    next_commands,
    run_name,
    started_text,
    summary_text,
)
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.journal.events import Event
    from scalable_cli.journal.fold import Fold
    from scalable_cli.model.run import Run
    from scalable_cli.session.running import RunResult

_LONGEST_TAIL = 1 << 16
_FIRST_LOOK_S, LOOK_S, _FAREWELL_S = 0.1, 1.0, 15.0
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


def wait_for(directory: RunDirectory, host: Host, timeout_s: float | None = None) -> Run:
    """The run when it has ended and its head has let go of it, or as it is after so many seconds.

    What comes next may be a resume, which a head that still clears up would refuse.
    """
    watching, started, pause = Watching(directory), time.monotonic(), _FIRST_LOOK_S
    while True:
        run = watching.look(host.now())
        left = None if timeout_s is None else started + timeout_s - time.monotonic()
        if left is not None and left <= 0:
            return run
        if run.state.ended:
            _await_farewell(directory, host)
            return run
        time.sleep(pause if left is None else min(pause, left))
        pause = min(1.5 * pause, LOOK_S)


def _await_farewell(directory: RunDirectory, host: Host) -> None:
    until = time.monotonic() + _FAREWELL_S
    while time.monotonic() < until:
        holder = read_holder(directory)
        if holder is None or not holder.alive(host.now()):
            return
        time.sleep(_FIRST_LOOK_S)


def lost_error(run: Run, host: Host) -> ProviderError:
    """That a run has lost its head, and how to give it another."""
    where = f" (on {run.head})" if run.head else ""
    hint = f"scalable resume {run_name(run, str(host.cwd))}"
    return ProviderError(f"{run.id} was lost: its head{where} is gone", hint=hint)


def show_started(directory: RunDirectory, pid: int, args: Arguments, host: Host) -> Exit:
    """That a head works on the run in the background, with the next commands."""
    run = fold_run(directory, host.now())
    if args.flag("--json"):
        host.out.write(json_text(started_object(run, pid, str(host.cwd))))
    elif args.flag("--quiet"):
        host.out.write(f"{run.id}\n")
    else:
        host.out.write(started_text(run, pid, reader_of(host)))
    return Exit.OK


@dataclass
class Watcher:
    """Shows a run's events as they happen; `directory` is known once the run exists.

    `ago_s`: how long ago the run began.
    """

    args: Arguments
    host: Host
    directory: RunDirectory | None = None
    ago_s: float = 0.0
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
            self.progress = Progress(host.err, look, live, ago_s=self.ago_s)
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
        self.show(fold)

    def show(self, fold: Fold) -> None:
        """Draw what moves, if it is time."""
        if self.progress is not None:
            self._fold = fold
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
        data = _end_of(run, log)
    except (StorageError, OSError):
        return []
    lines = data.decode("utf-8", "replace").rstrip("\n").split("\n")[-TAIL_LINES:]
    return [printable(line) for line in lines] if data else []


def _end_of(run: RunDirectory, log: str) -> bytes:
    """The last bytes of a log, which may be larger than the memory."""
    path = run.store.local_path(run.key(log))
    if path is None:
        return run.store.read(run.key(log))[-_LONGEST_TAIL:]
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _LONGEST_TAIL))
        return stream.read(_LONGEST_TAIL)


def printable(line: str) -> str:
    """A line without control characters; a progress bar's last state counts."""
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line.rpartition("\r")[2])


def stopped_text(run: RunDirectory, host: Host) -> str:
    """What to say when a signal has ended a run."""
    commands = next_commands(fold_run(run, host.now()), str(host.cwd))
    return f"stopped; go on with: {commands[-1]}\n"
