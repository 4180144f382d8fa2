"""Running a workflow file under the user's Python, as the last part of a run."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from scalable_cli.engine.steps import log_name
from scalable_cli.errors import SetupError, StorageError
from scalable_cli.host.shown import Outlet, run_shown
from scalable_cli.journal.events import Kind
from scalable_cli.journal.fold import read_events
from scalable_cli.model.run import FailureKind, RunState

if TYPE_CHECKING:
    from pathlib import Path

    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.host import Host
    from scalable_cli.host.process import Finished
    from scalable_cli.journal.fold import Fold
    from scalable_cli.journal.writer import JournalWriter

# The workflow file itself: its log is that of a step, and so is its failure.
TASK, STEP = "workflow", "workflow[main]"
MODULE = "scalable_cli.session.workflow"


@dataclass(frozen=True)
class WorkflowFile:
    """A Python file to run for a run; its stdout goes to `out`, stderr to the caller's."""

    run: RunDirectory
    path: Path
    folder: Path
    python: str
    host: Host
    out: TextIO


def follow(workflow: WorkflowFile, journal: JournalWriter, fold: Fold) -> RunState:
    """Run the file to its end and take its events into `fold`: DONE, or FAILED.

    The file's process writes the journal meanwhile: `journal` is closed, and opened again
    behind what came. KeyboardInterrupt and SystemExit go on up when that process has ended.
    """
    run = workflow.run
    journal.close()
    before = max((entry.key for entry in run.store.scan(f"{run.id}/journal/")), default="")
    try:
        finished = _run(workflow)
    finally:
        for event in read_events(run.store, run.id, before):
            fold.take(event)
        journal.reopen()
    if finished.exit_code == 0:
        return RunState.DONE
    if not fold.failures:
        _blame_file(workflow, finished, journal, fold)
    return RunState.FAILED


def _run(workflow: WorkflowFile) -> Finished:
    run, host = workflow.run, workflow.host
    path = run.store.local_path(run.key(log_name(STEP, 1)))
    if path is None:
        raise StorageError(f'this version keeps logs on local storage only, not in "{run.uri}"')
    # -P keeps the project's folder from standing in for our own and the standard modules.
    argv = [workflow.python, "-u", "-P", "-m", MODULE]
    argv += [run.store.uri, run.id, str(workflow.path)]
    environ = {**host.environ, "SCALABLE_RUN_ID": run.id}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=0) as log:
            outlet = Outlet(log, workflow.out, host.err)
            return run_shown(argv, cwd=workflow.folder, environ=environ, outlet=outlet)
    except FileNotFoundError as error:
        raise SetupError(
            f'cannot start "{workflow.python}": {error.strerror}', hint="--python PATH"
        ) from error
    except OSError as error:
        raise StorageError(f'cannot write "{path}": {error.strerror}') from error


def _blame_file(
    workflow: WorkflowFile, finished: Finished, journal: JournalWriter, fold: Fold
) -> None:
    """No step failed, so the file did: record it as a step of its own."""
    code = finished.exit_code
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    fold.take(journal.add(Kind.TASK_DECLARED, task=TASK, component="", steps=1))
    failed = journal.add(
        Kind.STEP_FAILED,
        step=STEP,
        attempt=1,
        text=f"{workflow.path.name}: {how}",
        exit=code,
        log=log_name(STEP, 1),
        seconds=round(finished.seconds, 3),
        cpu=round(finished.cpu_seconds, 3),
        peak=finished.peak_memory_bytes,
        **{"class": FailureKind.STEP.value},
    )
    fold.take(failed)
