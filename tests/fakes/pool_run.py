"""A project whose steps run on the pools of a fake provider."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from scalable_cli.engine.adapt import Pace
from scalable_cli.engine.compose import Composer, read_folders
from scalable_cli.engine.head import Ended, Head
from scalable_cli.engine.lease import Lease
from scalable_cli.engine.ledger import Ledger
from scalable_cli.engine.limits import Limits
from scalable_cli.engine.pools import Pools
from scalable_cli.host import Host
from scalable_cli.journal.events import Event
from scalable_cli.journal.fold import read_events
from scalable_cli.journal.writer import JournalWriter
from scalable_cli.model.launcher import Pool, Shape
from scalable_cli.report import new_fold
from scalable_cli.session import open_session
from scalable_cli.session.running import RunRequest, prepare_run
from scalable_cli.store.cache import StepCache
from tests.fakes.machines import FakeProvider

HEADER = """\
version: 1
project:
  name: pools
  default_storage: ./runs
targets:
  local:
    provider: local
components:
  small:
    cpus: 1
    memory: 200M
  big:
    cpus: 2
    memory: 400M
tasks:
"""

PACE = Pace(target_s=5, idle_s=1, cool_down_s=1, start_s=1)


def pool(name: str, maximum: int, *, minimum: int = 0, components: tuple[str, ...] = ()) -> Pool:
    """A pool of workers with one processor, or two for the component big."""
    cpus = 2 if "big" in components else 1
    return Pool(Shape(maximum, 1, Decimal(cpus), 1 << 30, name), minimum, maximum, components)


@dataclass
class PoolRun:
    """One run in a folder; `act` is called every moment while the run goes on."""

    folder: Path
    tasks: str
    pools: tuple[Pool, ...] = field(default_factory=lambda: (pool("", 2),))
    pace: Pace = PACE
    silent_s: float = 4.0
    limits: Limits = field(default_factory=Limits)
    provider: FakeProvider = field(init=False)
    crew: Pools = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "scalable.yaml").write_text(HEADER + self.tasks)
        self.host = Host(dict(os.environ), self.folder, io.StringIO(), io.StringIO(), io.StringIO())
        session = open_session(None, self.host)
        self.run, self.plan = prepare_run(session, session.plan(), None, RunRequest())
        self.provider = FakeProvider(self.folder / "machines")

    def execute(self, act: Callable[[PoolRun], None] | None = None) -> Ended:
        """Run to the end in this thread; `act` runs in another one."""
        run, plan = self.run, self.plan
        fold = new_fold(run.read_json("run.json"))
        self.crew = Pools(
            self.provider,
            self.pools,
            run,
            time.time,
            pace=self.pace,
            silent_s=self.silent_s,
        )
        journal = JournalWriter(run.store, run.id, time.time)
        ledger = Ledger(plan, run, StepCache(run.store), journal, fold)
        composer = Composer(plan, run, None, read_folders(run))
        head = Head(plan, ledger, composer, self.crew, self.crew.open, limits=self.limits)
        thread = threading.Thread(target=act, args=(self,), daemon=True)
        if act is not None:
            thread.start()
        try:
            with Lease(run, time.time):
                return head.execute()
        finally:
            if act is not None:
                thread.join(10)
            journal.close()

    def events(self, kind: str) -> list[Event]:
        """What the journal holds of a kind, so far."""
        found = read_events(self.run.store, self.run.id)
        return [event for event in found if event.kind.value == kind]

    def wait_for(self, kind: str, count: int = 1, timeout_s: float = 30) -> list[Event]:
        """Wait until the journal holds so many events of a kind."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = self.events(kind)
            if len(found) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no {count} x {kind} within {timeout_s} s")

    def artifacts(self) -> dict[str, str]:
        """Path to content."""
        root = Path(self.run.uri, "artifacts")
        return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}

    def machine_of(self, event: Event) -> str:
        """The name of the machine whose worker said so."""
        pid = int(event.text("worker").rpartition(":")[2])
        return next(m.name for m in self.provider.machines.values() if m.pid == pid)
