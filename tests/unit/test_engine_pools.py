"""Steps on pools of worker processes that come, go and get lost."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scalable_cli.engine.control import request_stop
from scalable_cli.engine.head import Ended
from scalable_cli.engine.limits import Mode
from scalable_cli.errors import ProviderError
from scalable_cli.model.run import RunState
from tests.fakes.pool_run import PoolRun, pool

DONE = Ended(RunState.DONE)
TEN = """\
  t:
    component: small
    matrix:
      n: 1..10
    command: sleep 0.3; echo {{ matrix.n }} > {{ outputs.o }}
    outputs:
      o: out/{{ matrix.n }}
"""
# The first attempt waits for the file `go`, later ones do not.
PATIENT = """\
  t:
    component: small
    matrix:
      n: 1..2
    command: >-
      echo $$ >> {folder}/pids; [ "$SCALABLE_ATTEMPT" = 1 ] && sleep 60;
      echo {{{{ matrix.n }}}} > {{{{ outputs.o }}}}
    outputs:
      o: out/{{{{ matrix.n }}}}
"""
STEPS = {"out/1": "1\n", "out/2": "2\n"}


def patient(folder: Path) -> str:
    return PATIENT.format(folder=folder)


def test_steps_run_to_the_end_on_processes_that_start_late(tmp_path: Path) -> None:
    run = PoolRun(tmp_path, TEN)

    assert run.execute() == DONE
    assert run.artifacts() == {f"out/{n}": f"{n}\n" for n in range(1, 11)}
    assert run.provider.alive() == []
    assert not Path(run.run.uri, "tls").exists()
    assert not Path(run.run.uri, "head.json").exists()


def test_a_pool_grows_with_the_work_and_shrinks_without(tmp_path: Path) -> None:
    tasks = TEN + (
        "  last:\n    component: small\n    needs:\n      - t\n"
        "    command: sleep 4; echo x > {{ outputs.o }}\n    outputs:\n      o: last\n"
    )
    run = PoolRun(tmp_path, tasks, (pool("", 3, minimum=1),))
    seen: list[int] = []

    def watch(run: PoolRun) -> None:
        while not run.artifacts().get("last"):
            seen.append(len(run.provider.alive()))
            time.sleep(0.1)

    assert run.execute(watch) == DONE
    assert max(seen) == 3
    assert seen[-1] == 1


def test_each_component_runs_in_its_pool(tmp_path: Path) -> None:
    tasks = TEN + ("  b:\n    component: big\n    matrix:\n      n: 1..3\n    command: 'true'\n")
    pools = (pool("s", 1, components=("small",)), pool("b", 1, components=("big",)))
    run = PoolRun(tmp_path, tasks, pools)

    assert run.execute() == DONE
    where = {(event.text("step")[0], run.machine_of(event)) for event in run.events("step.done")}
    assert where == {("t", "s-1"), ("b", "b-1")}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_the_steps_of_a_lost_worker_run_again_at_once(tmp_path: Path, how: signal.Signals) -> None:
    run = PoolRun(tmp_path, patient(tmp_path), (pool("", 3, minimum=3),))
    lost: list[float] = []

    def strike(run: PoolRun) -> None:
        run.wait_for("step.started", 2)
        for machine in run.provider.alive():
            if machine.has_steps():
                machine.signal(how)
        lost.append(time.time())

    assert run.execute(strike) == DONE
    retried = run.events("step.retried")
    assert [event.text("class") for event in retried] == ["infrastructure"] * 2
    noticed = max(event.at for event in retried)
    assert noticed - lost[0] < (3 if how is signal.SIGKILL else 2 * run.silent_s + 1)
    again = [event for event in run.events("step.done") if event.values["attempt"] == 2]
    assert {event.number("started") - noticed < 5 for event in again} == {True}
    assert run.artifacts() == STEPS
    assert all_end(tmp_path / "pids")


def test_a_worker_that_is_told_to_go_gives_its_steps_back(tmp_path: Path) -> None:
    run = PoolRun(tmp_path, patient(tmp_path))

    def strike(run: PoolRun) -> None:
        run.wait_for("step.started", 2)
        run.provider.alive()[0].signal(signal.SIGTERM)
        run.wait_for("step.retried", 1)
        for machine in run.provider.alive():
            machine.signal(signal.SIGTERM)

    assert run.execute(strike) == DONE
    assert [event.text("text") for event in run.events("step.retried")] == [
        "its worker was told to go"
    ] * 2
    assert run.artifacts() == STEPS


def test_a_step_that_loses_its_workers_again_and_again_fails(tmp_path: Path) -> None:
    tasks = "  t:\n    component: small\n    command: kill -9 $PPID; sleep 60\n"
    run = PoolRun(tmp_path, tasks, (pool("", 2, minimum=2),))

    assert run.execute().state is RunState.FAILED
    assert len(run.events("step.retried")) == 5
    (failed,) = run.events("step.failed")
    assert failed.text("class") == "infrastructure"
    assert "was lost" in failed.text("text")


def test_workers_that_never_connect_end_the_run_with_a_reason(tmp_path: Path) -> None:
    run = PoolRun(tmp_path, TEN)
    run.provider.program = ("/bin/sh", "-c", "echo no such image >&2; exit 5", "sh")

    with pytest.raises(ProviderError, match="end before they connect: exit code 5: no such image"):
        run.execute()


def test_a_request_to_stop_ends_the_steps_everywhere(tmp_path: Path) -> None:
    run = PoolRun(tmp_path, patient(tmp_path))

    def strike(run: PoolRun) -> None:
        run.wait_for("step.started", 2)
        request_stop(run.run, Mode.NOW, time.time())

    started = time.monotonic()
    ended = run.execute(strike)
    assert ended.state is RunState.STOPPED
    assert time.monotonic() - started < 20
    assert not any(lives(pid) for pid in (tmp_path / "pids").read_text().split())


def test_keys_are_in_no_command_line_environment_log_or_journal(tmp_path: Path) -> None:
    run = PoolRun(tmp_path, "  t:\n    component: small\n    command: env; sleep 1\n")
    secrets: list[str] = []
    shown: list[bytes] = []

    def look(run: PoolRun) -> None:
        run.wait_for("step.started")
        folder = Path(run.run.uri, "tls")
        assert stat.S_IMODE((folder / "worker.key").stat().st_mode) == 0o600
        secrets.extend((folder / "worker.key").read_text().splitlines()[1:-1])
        for machine in run.provider.alive():
            proc = Path(f"/proc/{machine.pid}")
            shown.append((proc / "cmdline").read_bytes() + (proc / "environ").read_bytes())

    assert run.execute(look) == DONE
    shown += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(secrets) >= 3
    assert not [s for s in secrets if any(s.encode() in text for text in shown)]


def test_workers_end_when_their_head_is_killed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tests.fakes.pool_run import PoolRun;"
        f"PoolRun(Path({str(tmp_path)!r}),"
        f"{patient(tmp_path)!r}).execute()"
    )
    root = Path(__file__).resolve().parents[2]
    head = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    until = time.monotonic() + 30
    while not (tmp_path / "pids").exists() or len((tmp_path / "pids").read_text().split()) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    head.kill()
    head.wait()

    until = time.monotonic() + 20
    while working_in(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert working_in(tmp_path) == []
    assert all_end(tmp_path / "pids")


def working_in(folder: Path) -> list[str]:
    """The workers whose command line names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"worker {folder}" in line:
            found.append(line)
    return found


def all_end(pids: Path, timeout_s: float = 5.0) -> bool:
    """Whether the processes with these numbers end soon."""
    until = time.monotonic() + timeout_s
    while any(lives(pid) for pid in pids.read_text().split()):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def lives(pid: str) -> bool:
    """Whether a process is there and no zombie that nobody reaps."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
