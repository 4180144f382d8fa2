"""A study whose steps leave a mark each time they run, and what must hold when it is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from scalable_cli.engine.rundir import RunDirectory, find_run
from scalable_cli.errors import ScalableError
from scalable_cli.journal.events import Event
from scalable_cli.journal.fold import read_events
from scalable_cli.model.run import RunState
from scalable_cli.report import fold_run
from scalable_cli.store.local import LocalStore

HERE = Path(__file__).resolve().parent
MANIFEST = """\
version: 1
project:
  name: faults
  default_storage: ./runs
targets:
  local:
    provider: local
    max_workers: {workers}
    processes: {processes}
components:
  small:
    cpus: 1
    memory: 100M
tasks:
"""
STUDY = """\
  prepare:
    component: small
    command: {mark}; seq 100 > {{{{ outputs.grid }}}}
    outputs:
      grid: grid.txt
  simulate:
    component: small
    matrix:
      n: 1..{steps}
    inputs:
      grid: prepare.grid
    command: |
      {mark}; sleep {seconds}
      sed "s/$/ {{{{ matrix.n }}}}/" {{{{ inputs.grid }}}} > {{{{ outputs.o }}}}
    outputs:
      o: out/{{{{ matrix.n }}}}.txt
  total:
    component: small
    inputs:
      all: simulate.o
    command: {mark}; cat {{{{ inputs.all }}}} | sort > {{{{ outputs.t }}}}
    outputs:
      t: total.txt
"""


@dataclass(frozen=True)
class Mark:
    """That an attempt of a step ran: when, and in which worker process."""

    step: str
    attempt: int
    at: float
    worker: int


@dataclass
class FaultStudy:
    """A project in a folder, whose head runs in a process of its own with a TMPDIR of its own."""

    folder: Path
    processes: bool = False
    workers: int = 2
    steps: int = 12
    seconds: float = 0.1

    def write(self, tasks: str | None = None) -> FaultStudy:
        """Write the manifest: the study, or other tasks (`{mark}` leaves a mark)."""
        header = MANIFEST.format(workers=self.workers, processes=str(self.processes).lower())
        text = tasks or STUDY.format(mark=self.mark, steps=self.steps, seconds=self.seconds)
        (self.folder / "tmp").mkdir(exist_ok=True)
        (self.folder / "scalable.yaml").write_text(header + text)
        return self

    @property
    def mark(self) -> str:
        """The words of a command that leave a mark."""
        marks = self.folder / "marks"
        return f"echo $SCALABLE_STEP $SCALABLE_ATTEMPT $(date +%s.%N) $PPID >> {marks}"

    @property
    def marks(self) -> list[Mark]:
        """The marks so far."""
        try:
            lines = (self.folder / "marks").read_text().splitlines()
        except FileNotFoundError:
            return []
        fields = [line.split() for line in lines]
        return [Mark(f[0], int(f[1]), float(f[2]), int(f[3])) for f in fields if len(f) == 4]

    def start(self, verb: str = "run", **settings: object) -> subprocess.Popen[str]:
        """A head at work; `settings` as in head.py."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("SCALABLE", "DASK"))}
        environ |= {"TMPDIR": str(self.folder / "tmp"), "FAULT_STUDY": str(self.folder)}
        return subprocess.Popen(
            [sys.executable, str(HERE / "head.py"), str(self.folder), verb, json.dumps(settings)],
            env=environ,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, head: subprocess.Popen[str], timeout: float = 120) -> tuple[int, str]:
        """A head's exit code, and what it said."""
        try:
            _, said = head.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            head.kill()
            head.communicate()
            raise
        return head.returncode, said

    def run(self, verb: str = "run", **settings: object) -> tuple[int, str]:
        """A head from its start to its end."""
        return self.end(self.start(verb, **settings))

    @property
    def directory(self) -> RunDirectory:
        """The newest run."""
        return find_run(LocalStore(self.folder / "runs"), None)

    def has_run(self) -> bool:
        """Whether there is a run that can be resumed."""
        try:
            run = self.directory
        except ScalableError:
            return False
        return run.store.stat(run.key("run.json")) is not None

    def events(self, *kinds: str) -> list[Event]:
        """The newest run's events of these kinds; none before there is a run."""
        if not self.has_run():
            return []
        run = self.directory
        return [e for e in read_events(run.store, run.id) if e.kind.value in kinds]

    def artifacts(self) -> dict[str, str]:
        """Path to content of the newest run's artifacts."""
        root = Path(self.directory.uri, "artifacts")
        return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}

    def expected(self) -> dict[str, str]:
        """What the study's artifacts must be, byte for byte."""
        rows = range(1, 101)
        found = {"grid.txt": "".join(f"{row}\n" for row in rows)}
        lines = []
        for n in range(1, self.steps + 1):
            own = [f"{row} {n}\n" for row in rows]
            found[f"out/{n}.txt"] = "".join(own)
            lines += own
        environ = {**os.environ, "LC_ALL": os.environ.get("LC_ALL", "")}
        ordered = subprocess.run(
            ["sort"], input="".join(lines), env=environ, capture_output=True, text=True
        )
        return found | {"total.txt": ordered.stdout}

    def check_done(self) -> None:
        """Done, every artifact right, each step recorded once and not run after that."""
        assert fold_run(self.directory, time.time()).state is RunState.DONE
        assert self.artifacts() == self.expected()
        self.check_once()
        self.check_nothing_left()

    def check_once(self) -> None:
        """No step was recorded twice, or run again once it was recorded."""
        done = {str(event.values["step"]): event.at for event in self.events("step.done")}
        count = Counter(str(e.values["step"]) for e in self.events("step.done", "step.cached"))
        assert {step: n for step, n in count.items() if n != 1} == {}
        late = [mark for mark in self.marks if mark.at > done.get(mark.step, mark.at)]
        assert late == []
        attempts = Counter((mark.step, mark.attempt) for mark in self.marks)
        assert set(count) == {mark.step for mark in self.marks}, attempts

    def check_nothing_left(self) -> None:
        """No process, temporary folder, scratch folder, lease or half-written file."""
        until = time.monotonic() + 8
        while time.monotonic() < until and (self.processes_left() or self.files_left()):
            time.sleep(0.1)
        assert self.processes_left() == []
        assert self.files_left() == []

    def processes_left(self) -> list[str]:
        """Processes that a head of this study started, whatever they call themselves."""
        wanted = f"FAULT_STUDY={self.folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    environ = (entry / "environ").read_bytes()
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
                if wanted in environ.split(b"\0"):
                    found.append(f"{entry.name} {line[:200]}")
        return found

    def files_left(self) -> list[str]:
        """Files that should be gone."""
        found = [*(self.folder / "tmp").iterdir()]
        found += (self.folder / "runs").rglob(".tmp-*")
        found += (self.folder / "runs").rglob("lease.json")
        found += (self.folder / ".scalable" / "cache" / "scratch").glob("*")
        return [str(path.relative_to(self.folder)) for path in found]


def wait_for(condition: object, what: str, seconds: float = 40) -> None:
    """Wait until `condition()` holds."""
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.02)
