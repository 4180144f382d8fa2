"""Steps that fork daemons, fill memory, write without end or do not want to go."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from fault_study import FaultStudy, wait_for

ONE = """\
  t:
    component: small
    command: '{command}'
{extra}    outputs:
      out: out
"""


def one(command: str, extra: str = "") -> str:
    """The only task, with one output."""
    return ONE.format(command=command.replace("'", "''"), extra=extra)


@pytest.mark.parametrize(("processes", "seconds"), [(False, 0.6), (True, 0)])
def test_a_daemon_ends_with_its_step_or_at_the_latest_with_the_run(
    study: FaultStudy, processes: bool, seconds: float
) -> None:
    study.processes = processes
    pid = study.folder / "pid"
    daemon = f'setsid sh -c "echo \\$\\$ > {pid}; exec sleep 300" & sleep {seconds}'
    wait = f"while [ ! -s {pid} ]; do sleep 0.01; done"
    code, said = study.write(one(f"{daemon}; {wait}; echo x > out")).run()

    assert (code, said) == (0, "")
    assert study.artifacts() == {"out": "x\n"}
    study.check_nothing_left()


def test_a_daemon_of_a_step_that_is_over_does_not_stay_for_the_rest_of_the_run(
    study: FaultStudy,
) -> None:
    pid = study.folder / "pid"
    daemon = f'setsid sh -c "echo \\$\\$ > {pid}; exec sleep 300" & sleep 0.6'
    tasks = f"""\
  first:
    component: small
    command: '{daemon}'
  second:
    component: small
    needs:
      - first
    command: sleep 1; [ -z "$(tr -d "\\0" < /proc/$(cat {pid})/cmdline)" ]
"""
    assert study.write(tasks).run() == (0, "")


def test_a_step_that_fills_the_memory_is_named_and_the_others_go_on(study: FaultStudy) -> None:
    grow = 'python3 -c "import time; x = bytearray(400 << 20); time.sleep(5)"'
    tasks = f"""\
  t:
    component: small
    matrix:
      n: 1..4
    command: '[ {{{{ matrix.n }}}} != 2 ] || {grow}; echo {{{{ matrix.n }}}} > {{{{ outputs.o }}}}'
    outputs:
      o: out/{{{{ matrix.n }}}}
"""
    code, _ = study.write(tasks).run(keep_going=True)

    assert code == 1
    (failed,) = study.events("step.failed")
    assert "out of memory" in str(failed.values["text"])
    assert study.artifacts() == {f"out/{n}": f"{n}\n" for n in (1, 3, 4)}
    study.check_nothing_left()


def log_of_many_megabytes(study: FaultStudy, megabytes: int) -> None:
    write = f"head -c {megabytes}M /dev/zero | tr '\\\\0' x; echo; echo the end"
    code, said = study.write(one(f"{write}; echo x > out")).run()

    assert (code, said) == (0, "")
    log = Path(study.directory.uri, "logs/t/t/1.log")
    assert log.stat().st_size == (megabytes << 20) + len("\nthe end\n")


def test_a_log_of_200_megabytes_is_kept_whole(study: FaultStudy) -> None:
    log_of_many_megabytes(study, 200)


@pytest.mark.nightly
def test_a_log_of_a_gigabyte_is_kept_whole(study: FaultStudy) -> None:
    log_of_many_megabytes(study, 1000)


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_a_step_that_ignores_sigterm_ends_when_the_run_is_interrupted(
    study: FaultStudy, processes: bool
) -> None:
    study.processes = processes
    stubborn = f"""trap "" TERM INT HUP; {study.mark}; while :; do sleep 1; done"""
    head = study.write(one(stubborn)).start()
    wait_for(lambda: study.marks, "the step runs")
    os.kill(head.pid, signal.SIGINT)
    started = time.monotonic()
    code, _ = study.end(head, timeout=40)

    assert code == 130
    assert time.monotonic() - started < 20
    study.check_nothing_left()
