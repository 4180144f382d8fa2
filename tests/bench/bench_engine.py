"""Trivial steps, two at a time, beside GNU parallel and xargs; how soon the first one starts.

Run by hand, on an idle machine:

    python tests/bench/bench_engine.py [STEPS] [ROUNDS]

Each step starts one process (`true`) and has no outputs. Each round runs every program once,
one after another, so that the machine's mood hits all of them; medians are printed. `sh -c
true` would be two processes a step, so the others start `true` themselves too.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = """\
version: 1
project:
  name: bench
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
  t:
    component: small
    matrix:
      n: 1..{steps}
    command:
      - "true"
    code: []
"""
RUN = [sys.executable, "-m", "scalable_cli", "run", "-q"]


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, run in contestants(steps).items():
            times.setdefault(name, []).append(run())
    print(f"{steps} steps, 2 at a time, median of {rounds}")
    parallel = statistics.median(times["GNU parallel -j2"])
    for name, taken in times.items():
        median = statistics.median(taken)
        each = 1000 * median / steps
        print(f"  {name:28} {median:7.2f} s  {each:6.2f} ms a step  {median / parallel:5.2f} x")
    starts = [first_start() for _ in range(max(3, rounds))]
    print(f"from the command to the first step's start: {statistics.median(starts):.2f} s")


def contestants(steps: int) -> dict[str, Callable[[], float]]:
    """Each program's name, and what runs it once in a fresh folder and gives the seconds."""
    return {
        "scalable run": lambda: fresh(RUN, steps),
        "scalable run, all cached": lambda: fresh(RUN, steps, again=True),
        "scalable run, processes": lambda: fresh(RUN, steps, processes=True),
        "GNU parallel -j2": lambda: shell(f"seq {steps} | parallel --will-cite -j2 -n1 true"),
        "xargs -P2 -n1": lambda: shell(f"seq {steps} | xargs -P2 -n1 true"),
    }


def fresh(command: list[str], steps: int, *, processes: bool = False, again: bool = False) -> float:
    """Seconds that the command takes in a folder of its own (the second time, if `again`)."""
    with tempfile.TemporaryDirectory() as folder:
        text = MANIFEST.format(steps=steps, processes=str(processes).lower())
        Path(folder, "scalable.yaml").write_text(text)
        for _ in range(2 if again else 1):
            started = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environ(), check=True, capture_output=True)
            seconds = time.perf_counter() - started
        return seconds


def shell(command: str) -> float:
    """Seconds that a shell takes for a command."""
    started = time.perf_counter()
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    return time.perf_counter() - started


def first_start() -> float:
    """Seconds from the start of `scalable run` to the start of its first step."""
    with tempfile.TemporaryDirectory() as folder:
        says = f"      - sh\n      - -c\n      - date +%s.%N > {folder}/at"
        text = MANIFEST.format(steps=1, processes="false").replace('      - "true"', says)
        Path(folder, "scalable.yaml").write_text(text)
        started = time.time()
        subprocess.run(RUN, cwd=folder, env=environ(), check=True, capture_output=True)
        return float(Path(folder, "at").read_text()) - started


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


if __name__ == "__main__":
    main()
