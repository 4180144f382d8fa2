"""A project in a folder, planned and run through the session, for the engine's tests."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

from scalable_cli.host import Host
from scalable_cli.journal.events import Event
from scalable_cli.journal.fold import read_events
from scalable_cli.model.plan import Plan
from scalable_cli.session import Session, open_session
from scalable_cli.session.running import RunRequest, RunResult, run_plan

HEADER = """\
version: 1
project:
  name: engine
  default_storage: ./runs
targets:
  local:
    provider: local
    max_workers: 2
    processes: {processes}
components:
  small:
    cpus: 1
    memory: 100M
tasks:
"""


@dataclass
class EngineProject:
    """A folder with a manifest; each run leaves its directory in `runs/`."""

    folder: Path
    processes: bool = False

    def write(self, tasks: str, **files: str) -> EngineProject:
        """Write the manifest's tasks, and files by name (`__` stands for a dot)."""
        header = HEADER.format(processes=str(self.processes).lower())
        (self.folder / "scalable.yaml").write_text(header + tasks)
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)
        return self

    def session(self) -> Session:
        host = Host(dict(os.environ), self.folder, io.StringIO(), io.StringIO(), io.StringIO())
        return open_session(None, host)

    def plan(self, *, force: bool = False, only: tuple[str, ...] = ()) -> Plan:
        return self.session().plan(force=force, only=only)

    def run(
        self, *, force: bool = False, only: tuple[str, ...] = (), keep_going: bool = False
    ) -> RunResult:
        return self.run_plan(self.plan(force=force, only=only), keep_going=keep_going)

    def run_plan(self, plan: Plan, *, keep_going: bool = False) -> RunResult:
        """Run what was planned before."""
        return run_plan(self.session(), plan, None, RunRequest(keep_going=keep_going))


def artifacts(result: RunResult) -> dict[str, str]:
    """Path to content of a run's artifacts."""
    root = Path(result.run.uri, "artifacts")
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


def counts(result: RunResult) -> dict[str, tuple[int, int, int, int]]:
    """(done, cached, failed, skipped) of each task."""
    return {t.task: (t.done, t.cached, t.failed, t.skipped) for t in result.run.tasks}


def log(result: RunResult, name: str) -> str:
    """A log of the run, by its name below logs/."""
    return Path(result.run.uri, "logs", name).read_text()


def events(result: RunResult, kind: str) -> list[Event]:
    """The events of one kind."""
    found = read_events(result.directory.store, result.run.id)
    return [event for event in found if event.kind.value == kind]
