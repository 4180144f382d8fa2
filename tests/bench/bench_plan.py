"""How long a plan of a flat sweep takes, and how much memory, beside a dry run of Snakemake.

    python tests/bench/bench_plan.py

Each row is a process of its own, timed from its start to its end; the memory is its peak.
"planning" makes the plan from a manifest in memory: scan of the project, keys, look-up in the
cache, reasons. "scalable plan" is the command on a manifest file. Snakemake is measured on the
same 5,000 steps in the same run when it is on the PATH or named by $SNAKEMAKE:

    python -m venv /tmp/snakemake && /tmp/snakemake/bin/pip install snakemake
    SNAKEMAKE=/tmp/snakemake/bin/snakemake python tests/bench/bench_plan.py
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL, LARGE = 5_000, 100_000
LIMITS = {SMALL: "1.5 s", LARGE: "10 s, 700 MB"}

MANIFEST = """\
version: 1
project:
  name: sweep
targets:
  local:
    provider: local
components:
  small:
    cpus: 1
tasks:
  simulate:
    component: small
    matrix:
      scenario: 1..{steps}
    command: echo {{{{ matrix.scenario }}}} > {{{{ outputs.table }}}}
    outputs:
      table: results/{{{{ matrix.scenario }}}}.txt
"""

SNAKEFILE = """\
rule all:
    input: expand("results/{{scenario}}.txt", scenario=range(1, {steps} + 1))
rule simulate:
    output: "results/{{scenario}}.txt"
    shell: "echo {{wildcards.scenario}} > {{output}}"
"""


@dataclass(frozen=True)
class Row:
    """One measured process."""

    what: str
    steps: int
    seconds: float
    peak_mb: float
    limit: str = ""


def main() -> None:
    """Measure and print the table; with `--make N`, be one of the measured processes."""
    if sys.argv[1:2] == ["--make"]:
        make(int(sys.argv[2]))
        return
    rows = [row for steps in (SMALL, LARGE) for row in (planning(steps), command(steps))]
    snakemake = os.environ.get("SNAKEMAKE") or shutil.which("snakemake")
    if snakemake:
        rows.insert(2, dry_run(snakemake, SMALL))
    print(f"{'':<16}{'steps':>9}{'seconds':>10}{'peak MB':>10}   limit")
    for row in rows:
        figures = f"{row.steps:>9,}{row.seconds:>10.2f}{row.peak_mb:>10.0f}"
        print(f"{row.what:<16}{figures}   {row.limit}")
    if not snakemake:
        print("snakemake is not installed: see the top of this file")


def planning(steps: int) -> Row:
    """The plan alone, with a manifest made in memory."""
    argv = [sys.executable, __file__, "--make", str(steps)]
    with tempfile.TemporaryDirectory() as folder:
        return measured("planning", steps, argv, folder, LIMITS[steps])


def command(steps: int) -> Row:
    """The whole command, from the manifest file to the screen."""
    argv = [sys.executable, "-m", "scalable_cli", "plan", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "scalable.yaml").write_text(MANIFEST.format(steps=steps))
        return measured("scalable plan", steps, argv, folder, LIMITS[steps])


def dry_run(snakemake: str, steps: int) -> Row:
    """Snakemake's dry run of the same steps."""
    argv = [snakemake, "-n", "--quiet", "--cores", "2"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Snakefile").write_text(SNAKEFILE.format(steps=steps))
        return measured("snakemake -n", steps, argv, folder, "")


def measured(what: str, steps: int, argv: list[str], folder: str, limit: str) -> Row:
    """Run `argv` in `folder`; what it prints is shown only when it fails."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        child = subprocess.Popen(argv, cwd=folder, env=environ, stdout=printed, stderr=printed)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            printed.seek(0)
            sys.exit(f"{what} failed:\n{printed.read().decode(errors='replace')[-2000:]}")
    return Row(what, steps, seconds, usage.ru_maxrss / 1024, limit)


def make(steps: int) -> None:
    """Plan a flat sweep in this process."""
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    from planning_study import Study, axis, task

    study = Study(Path.cwd(), (task("simulate", axis("scenario", *range(steps))),))
    started = time.perf_counter()
    plan = study.plan()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(plan.steps)} steps, {time.perf_counter() - started:.2f} s, {peak:.0f} MB")


if __name__ == "__main__":
    main()
