"""500 trivial steps, two at a time: this program beside GNU parallel, Snakemake and xargs.

Run by hand, on an idle machine:

    python tests/bench/bench_run.py [STEPS] [ROUNDS]

`parallel` (Debian package parallel), `xargs` and `snakemake` (SNAKEMAKE=path, else from the
PATH) are measured where they are installed. Each round runs every program once, one after
another, so that the machine's mood hits all of them; the medians and the ratios to the floor
(`xargs -P2 sh -c`, two processes a step) are printed.
"""

from __future__ import annotations

import os
import shutil
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
components:
  small:
    cpus: 1
    memory: 100M
tasks:
  echo:
    component: small
    matrix:
      n: 1..{steps}
    command: echo {{{{ matrix.n }}}} > {{{{ outputs.out }}}}
    code: []
    outputs:
      out: out/{{{{ matrix.n }}}}.txt
"""
SNAKEFILE = """\
rule all:
    input: expand("out/{{n}}.txt", n=range(1, {steps} + 1))
rule echo:
    output: "out/{{n}}.txt"
    shell: "echo {{wildcards.n}} > {{output}}"
"""


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    programs = contestants(steps)
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, run in programs.items():
            times[name].append(run())
    floor = statistics.median(times["xargs"])
    print(f"{steps} steps, 2 at a time, median of {rounds}")
    for name, taken in times.items():
        median = statistics.median(taken)
        each = 1000 * median / steps
        print(f"  {name:24} {median:7.2f} s  {each:6.1f} ms a step  {median / floor:5.1f} x xargs")


def contestants(steps: int) -> dict[str, Callable[[], float]]:
    """Each program's name, and what runs it once in a fresh folder and gives the seconds."""
    python = sys.executable
    run = [python, "-m", "scalable_cli", "run", "-q"]
    found: dict[str, Callable[[], float]] = {
        "scalable run": lambda: fresh(run, MANIFEST.format(steps=steps)),
        "scalable run, all cached": lambda: fresh(run, MANIFEST.format(steps=steps), again=True),
    }
    shell = f"mkdir -p out; seq {steps} | {{}} sh -c 'echo $0 > out/$0.txt'"
    found["xargs"] = lambda: fresh(["sh", "-c", shell.format("xargs -P2 -n1")])
    if shutil.which("parallel"):
        line = f"mkdir -p out; seq {steps} | parallel --will-cite -j2 'echo {{}} > out/{{}}.txt'"
        found["GNU parallel -j2"] = lambda: fresh(["sh", "-c", line])
    snakemake = os.environ.get("SNAKEMAKE") or shutil.which("snakemake")
    if snakemake:
        command = [snakemake, "-j2", "--quiet", "all"]
        found["snakemake -j2"] = lambda: fresh(command, snakefile=SNAKEFILE.format(steps=steps))
    return found


def fresh(
    command: list[str], manifest: str = "", *, snakefile: str = "", again: bool = False
) -> float:
    """Seconds that the command takes in a folder of its own (the second time, if `again`)."""
    with tempfile.TemporaryDirectory() as folder:
        if manifest:
            Path(folder, "scalable.yaml").write_text(manifest)
        if snakefile:
            Path(folder, "Snakefile").write_text(snakefile)
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        for _ in range(2 if again else 1):
            started = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
            seconds = time.perf_counter() - started
        return seconds


if __name__ == "__main__":
    main()
