"""How long checking a manifest takes, from the file to every problem: 2,000 to 10,000 lines.

Run: python -m pytest tests/bench/bench_validate.py -s
Figure: 2,000 lines in at most 0.6 s as a process of its own, growth linear to 10,000 lines.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import strictyaml

ROOT = Path(__file__).resolve().parent.parent.parent
HEAD = """version: 1
project:
  name: many-tasks
targets:
  local:
    provider: local
    max_workers: 4
  aws:
    provider: aws
    region: us-east-1
    image: ghcr.io/lab/model:1
    worker_cpu: 4096
    worker_mem: 16384
components:
"""
COMPONENT = """  component{n}:
    cpus: 4
    memory: 16G
    tags: [energy]
"""
TASK = """  task{n}:
    component: component{m}
    matrix:
      scenario: 1..5
      policy: [ref, ndc]
    command: python simulate.py --scenario {{{{ matrix.scenario }}}} --out {{{{ outputs.table }}}}
    outputs:
      table: results/{n}/{{{{ matrix.policy }}}}/scenario_{{{{ matrix.scenario }}}}.csv
    cache: true
    retries: 3
    timeout: 30m
    estimate:
      duration: 12m
      output: 120MB
"""
SCRIPT = """
import sys
from pathlib import Path
from scalable_cli.manifest import open_manifest
assert open_manifest(Path(sys.argv[1]), {}).check() == ()
"""


def made(lines: int) -> str:
    components = lines // 100
    tasks = (lines - HEAD.count("\n") - 4 * components - 1) // 14
    parts = [HEAD, *(COMPONENT.format(n=n) for n in range(components)), "tasks:\n"]
    parts += [TASK.format(n=n, m=n % components) for n in range(tasks)]
    return "".join(parts)


def seconds(path: Path) -> float:
    """The best of five runs as a process of its own; compiled code is kept, as for a user."""
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", SCRIPT, str(path)]
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=environ, check=True)
        best = min(best, time.perf_counter() - started)
    return best


def test_validate_is_quick_and_linear(tmp_path: Path) -> None:
    took = {}
    for lines in (200, 2000, 5000, 10_000):
        path = tmp_path / f"{lines}.yaml"
        path.write_text(made(lines))
        took[lines] = seconds(path)
        print(f"validate {lines:>6} lines  {took[lines]:.2f} s")
    started = time.perf_counter()
    strictyaml.dirty_load(made(500), allow_flow_style=True)
    print(f"strictyaml load 500 lines  {time.perf_counter() - started:.2f} s")

    start = took[200] - (took[2000] - took[200]) / 9
    assert took[2000] <= 0.6
    assert took[10_000] - start <= 6 * (took[2000] - start)
