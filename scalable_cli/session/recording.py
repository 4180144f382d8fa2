"""The run of a workflow: its directory and journal, of its own or of the `scalable run` around."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli import __version__, wiring
from scalable_cli.engine.futures import Recorder
from scalable_cli.engine.lease import Lease
from scalable_cli.engine.rundir import RunDirectory, RunFacts, create_run
from scalable_cli.journal.events import Kind
from scalable_cli.journal.fold import read_events
from scalable_cli.journal.writer import JournalWriter
from scalable_cli.model.run import RunState
from scalable_cli.report import new_fold

if TYPE_CHECKING:
    from scalable_cli.host import Host
    from scalable_cli.session.open import Session


class WorkflowRun:
    """A run that a workflow writes to. Its own run begins and ends; one around it just goes on."""

    def __init__(self, run: RunDirectory, host: Host, *, own: bool) -> None:
        self.directory = run
        self._own = own
        self._now = host.now
        self._lease: Lease | None = None
        self._begun = False
        fold = new_fold(run.read_json("run.json"))
        for event in read_events(run.store, run.id):
            fold.take(event)
        journal = JournalWriter(run.store, run.id, host.now)
        self.recorder = Recorder(run, journal, fold, host.now)

    def begin(self) -> None:
        """Say that work goes on here; raises RefusedError while another process does."""
        if not self._own:
            return
        lease = Lease(self.directory, self._now)
        lease.__enter__()
        self._lease = lease
        self.recorder.add(
            Kind.RUN_STARTED,
            head=socket.gethostname(),
            pid=os.getpid(),
            generation=lease.generation,
            continued=self._begun,
        )
        self._begun = True

    def end(self, error: BaseException | None) -> None:
        """Say how it went: `error` is what ended the work, if anything did."""
        if not self._own or self._lease is None:
            self.recorder.flush(final=True)
            return
        state, reason = RunState.DONE, None
        if isinstance(error, KeyboardInterrupt):
            state, reason = RunState.STOPPED, "interrupted"
        elif isinstance(error, Exception):
            state, reason = RunState.FAILED, f"{type(error).__name__}: {error}"[:500]
        try:
            self.recorder.add(Kind.RUN_ENDED, state=state.value, reason=reason, cost="0")
            self.recorder.flush(final=True)
        finally:
            self._lease.__exit__(None, None, None)
            self._lease = None

    def note(self, kind: Kind, **values: object) -> None:
        """Record an event whether or not work goes on."""
        brief = self._own and not self._begun
        if brief:
            self.begin()
        self.recorder.add(kind, **values)
        if brief:
            self.end(None)

    def close(self) -> None:
        """Close the journal."""
        self.recorder.close()


def make_run(session: Session) -> WorkflowRun:
    """A run directory for a workflow that runs by itself. Raises RefusedError, StorageError.

    It has the tasks that a workflow does; the commands of the manifest are not run by it.
    """
    manifest, host = session.manifest, session.host
    store = wiring.storage_of(manifest)
    plan = session.plan()
    tasks = tuple(task for task in plan.tasks if task.task.runs_in_workflow)
    plan = replace(plan, tasks=tasks, steps=(), workflow=None)
    facts = RunFacts(
        __version__,
        round(host.now(), 3),
        Path(manifest.folder, Path(manifest.path).name).read_text(encoding="utf-8"),
        tuple(sys.argv),
        python=sys.executable,
    )
    return WorkflowRun(create_run(store, plan, facts), host, own=True)
