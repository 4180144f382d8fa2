"""Many steps, random faults, flat memory and descriptors: short by default, long at night."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from fault_study import FaultStudy
from faulty_store import Faults

MANY = """\
  t:
    component: small
    matrix:
      n: 1..{steps}
    retries: 100
    backoff: 0.01s
    command:
      - sh
      - -c
      - '[ $(( $(cut -c1-4 /proc/sys/kernel/random/uuid | sed s/^/0x/) % 50 )) != 0 ] && {mark}'
    code: []
"""


def memory_and_descriptors(pid: int) -> tuple[int, int]:
    """A process's resident memory in MiB, and how many files it has open; 0 when it is gone."""
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 >> 20
        return resident, len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0, 0


def soak(study: FaultStudy, steps: int, kill_every_s: float) -> None:
    """Steps that fail by chance (2 %), a store that does (1 %), workers that are killed."""
    chance = random.Random(steps)
    study.processes = True
    study.write(MANY.format(steps=steps, mark=study.mark))
    head = study.start(faults=asdict(Faults(seed=steps, rate=0.01, remote=False)))
    samples: list[tuple[int, int]] = []
    next_kill = time.monotonic() + kill_every_s
    while head.poll() is None:
        time.sleep(0.2)
        sample = memory_and_descriptors(head.pid)
        samples += [sample] if sample[0] else []
        if time.monotonic() >= next_kill and study.marks:
            next_kill += kill_every_s
            pids = {mark.worker for mark in study.marks[-50:]}
            alive = [pid for pid in sorted(pids) if Path(f"/proc/{pid}").exists()]
            if alive:
                os.kill(chance.choice(alive), signal.SIGKILL)

    assert study.end(head) == (0, "")
    study.check_once()
    study.check_nothing_left()
    assert len(study.events("step.done")) == steps
    assert study.events("step.failed") == []
    half = samples[len(samples) // 2]
    last = samples[-2]
    assert last[0] < half[0] + max(40, steps // 250), f"memory grew from {half[0]} to {last[0]} MiB"
    assert last[1] < half[1] + 20, f"descriptors grew from {half[1]} to {last[1]}"


@pytest.mark.nightly
def test_a_short_soak(study: FaultStudy) -> None:
    soak(study, 400, 3.0)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_long_soak(study: FaultStudy) -> None:
    soak(study, 20_000, 20.0)
