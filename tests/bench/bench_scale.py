"""What a run of 100,000 steps costs its head, and those who ask about it.

Run by hand, on an idle machine:

    python tests/bench/bench_scale.py [STEPS] [SECONDS]

First the head's processor time per step while many and few steps are queued: worker processes
execute real steps (`true`) for so many seconds, then the run is drained. Then a run in which
all steps are cached, and `status` and `report` of it, each with its time and its largest memory.
Last, both of a journal of as many steps that started and ended, without its snapshot.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_engine import MANIFEST, environ

from scalable_cli.host import Host
from scalable_cli.journal.events import Event, Kind
from scalable_cli.journal.fold import Fold
from scalable_cli.model.cache import StepRecord
from scalable_cli.session import Session, open_session
from scalable_cli.session.running import RunRequest, run_plan
from scalable_cli.store.cache import StepCache

FEW = 1000


class Meter:
    """An observer that takes this process's time at the first and the last step's end."""

    def __init__(self) -> None:
        self.ended = 0
        self.first = self.last = (0.0, 0.0)

    def on_event(self, event: Event, fold: Fold) -> None:
        if event.kind is Kind.STEP_DONE:
            self.ended += 1
            self.last = (time.process_time(), time.perf_counter())
            if self.ended == 1:
                self.first = self.last

    def on_output(self) -> None:
        pass

    def __str__(self) -> str:
        pairs = zip(self.first, self.last, strict=True)
        cpu, wall = (1000 * (after - before) / (self.ended - 1) for before, after in pairs)
        return f"{self.ended:6,} steps ended, head {cpu:5.2f} ms a step, wall {wall:5.2f} ms a step"


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 15.0
    for queued in (FEW, steps):
        print(f"{queued:,} queued: {measure(queued, seconds)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        session = session_in(Path(folder), steps)
        remember_all(session)
        for words in (["run", "-q"], ["status"], ["report"]):
            show(f"{steps:,} cached steps", words, folder)
        lengthen(Path(folder), steps)
        for words in (["status"], ["report"]):
            show(f"{steps:,} steps run, no snapshot", words, folder)


def measure(queued: int, seconds: float) -> Meter:
    """A run on two worker processes that is drained after so many seconds."""
    meter = Meter()
    with tempfile.TemporaryDirectory() as folder:
        session = session_in(Path(folder), queued, processes=True)
        request = RunRequest(max_duration_s=seconds)
        run_plan(session, session.plan(), None, request, lambda run: meter)
    return meter


def session_in(folder: Path, steps: int, *, processes: bool = False) -> Session:
    """A project of so many trivial steps."""
    text = MANIFEST.format(steps=steps, processes=str(processes).lower())
    (folder / "scalable.yaml").write_text(text)
    silent = io.StringIO()
    return open_session(None, Host(dict(os.environ), folder, silent, silent, silent))


def remember_all(session: Session) -> None:
    """Records for all steps, as if they had run."""
    cache = StepCache(session.store)
    for step in session.plan().steps:
        cache.write(StepRecord(str(step.key), step.id, "run-x", (), 0.01, 0.01, 1 << 20))


def lengthen(folder: Path, steps: int) -> None:
    """Replace the newest run's journal by one of as many steps that took a while."""
    journal = sorted((folder / "runs").glob("run-*"))[-1] / "journal"
    for segment in journal.iterdir():
        segment.unlink()
    lines = [{"at": 1.8e9, "event": "run.started", "head": "here", "generation": 1}]
    for n in range(1, steps + 1):
        name, at = {"step": f"t[n={n}]", "attempt": 1}, 1.8e9 + n / 100
        digest = hashlib.sha256(str(n).encode()).hexdigest()
        usage = {"started": at, "seconds": 1.0123, "cpu": 0.9123, "peak": 1 << 27}
        output = [f"results/{n}/table.csv", digest, 12345]
        lines.append({"at": at, "event": "step.started", **name})
        done = {"key": digest, "worker": "machine:12345", "outputs": [output]}
        lines.append({"at": at + 1, "event": "step.done", **name, **usage, **done})
    lines.append({"at": 1.9e9, "event": "run.ended", "state": "done", "cost": "0"})
    texts = [json.dumps(line, separators=(",", ":")) for line in lines]
    size = 40_000
    for number in range(0, len(texts), size):
        part = "".join(f"{text}\n" for text in texts[number : number + size])
        (journal / f"{1 + number // size:06d}.jsonl").write_text(part)


def show(what: str, words: list[str], folder: str) -> None:
    """Run a command and print its time and its largest memory."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "scalable_cli", *words],
        cwd=folder,
        env=environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds, memory = time.perf_counter() - started, usage.ru_maxrss // 1024
    # A child's maximum starts at what this process had before the exec.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    most = f"{memory} MB" if memory > own else f"at most {own} MB"
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{what}: {' '.join(words)}: {seconds:.2f} s, {cpu:.2f} CPU-s, {most}", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
