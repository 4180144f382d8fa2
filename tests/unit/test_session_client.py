"""Calls of a workflow on a real cluster of this machine."""

from __future__ import annotations

import os
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from session_project import MANIFEST

from scalable_cli.engine.rundir import RunDirectory
from scalable_cli.errors import RefusedError, UsageError
from scalable_cli.facade import ScalableSession
from scalable_cli.report import fold_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.engine.futures import WorkflowClient
    from scalable_cli.model.run import Run, TaskProgress


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> ScalableSession:
    path = tmp_path_factory.mktemp("study") / "scalable.yaml"
    path.write_text(MANIFEST)
    return ScalableSession.from_yaml(path)


@pytest.fixture(scope="module")
def client(session: ScalableSession) -> Iterator[WorkflowClient]:
    with session.start() as client:
        yield client


def run_of(session: ScalableSession) -> Run:
    assert session._run is not None
    run = session._run.directory
    return fold_run(RunDirectory(run.store, run.id), time.time())


def task_of(session: ScalableSession, name: str) -> TaskProgress:
    return next(task for task in run_of(session).tasks if task.task == name)


def double(number: int) -> int:
    return 2 * number


def add(*numbers: int, scale: int = 1) -> int:
    return sum(numbers) * scale


def test_map_and_submit_give_futures_and_gather_their_results(
    session: ScalableSession, client: WorkflowClient
) -> None:
    before = task_of(session, "simulate").done

    futures = client.map(double, range(20), task="simulate")
    total = client.submit(add, *futures, scale=10, task="simulate")
    pairs = client.map(add, [1, 2, 3], [10, 20])

    assert client.gather(futures) == [2 * n for n in range(20)]
    assert total.result() == 3800
    assert client.gather({"a": pairs[0], "b": [pairs[1]]}) == {"a": 11, "b": [22]}
    task = task_of(session, "simulate")
    assert task.component == "small"
    assert task.done - before == 21
    assert run_of(session).state.value == "running"


def test_calls_without_a_task_are_no_steps(
    session: ScalableSession, client: WorkflowClient
) -> None:
    before = run_of(session).steps

    assert client.submit(double, 4).result() == 8
    assert client.map(double, []) == []
    assert run_of(session).steps == before


def test_results_come_as_they_are_done(client: WorkflowClient) -> None:
    futures = client.map(double, range(5), task="simulate")

    found = [result for _, result in client.as_completed(futures, with_results=True)]

    assert sorted(found) == [0, 2, 4, 6, 8]


def test_a_component_takes_its_cpus_of_the_machine(client: WorkflowClient) -> None:
    running, most, lock = [0], [0], threading.Lock()
    box = _Shared.put((running, most, lock))

    client.gather(client.map(_overlap, [box] * 6, range(6), task="hungry"))

    assert most == [1]


class _Shared:
    """Things that calls in threads of this process share without being pickled."""

    things: list[object] = []  # noqa: RUF012

    @classmethod
    def put(cls, thing: object) -> int:
        cls.things.append(thing)
        return len(cls.things) - 1


def _overlap(box: int, number: int) -> int:
    running, most, lock = _Shared.things[box]  # type: ignore[misc]
    with lock:
        running[0] += 1
        most[0] = max(most[0], running[0])
    time.sleep(0.03)
    with lock:
        running[0] -= 1
    return number


def fail_until(folder: str, times: int) -> str:
    """Fails as often as asked, then succeeds."""
    tried = len(os.listdir(folder))
    Path(folder, str(tried)).touch()
    if tried < times:
        raise ValueError(f"no luck in try {tried}")
    return "luck"


def test_a_failing_call_is_tried_again_as_often_as_allowed(
    session: ScalableSession, client: WorkflowClient, tmp_path: Path
) -> None:
    before = task_of(session, "simulate").retried

    future = client.submit(fail_until, str(tmp_path), 2, task="simulate", retries=3)

    assert client.gather(future) == "luck"
    task = task_of(session, "simulate")
    assert task.retried - before == 2
    assert run_of(session).failures == ()


def inner(folder: str) -> str:
    raise RuntimeError("the model diverged")


def outer(folder: str) -> str:
    return inner(folder)


def test_the_last_failure_is_raised_and_shown_with_the_users_frames(
    session: ScalableSession, client: WorkflowClient
) -> None:
    future = client.submit(outer, "x", task="fresh", retries=1)

    with pytest.raises(RuntimeError, match="the model diverged") as caught:
        client.gather([future])

    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-2:] == ["outer", "inner"]
    assert "_step" not in frames
    run = run_of(session)
    failure = next(f for f in run.failures if f.step.startswith("fresh["))
    assert (failure.text, failure.attempt) == ("RuntimeError: the model diverged", 2)
    assert failure.log == "logs/fresh/0/2.log"
    log = Path(run.uri, failure.log).read_text()
    assert log.startswith("Traceback")
    assert log.endswith("RuntimeError: the model diverged\n")
    assert "site-packages" not in log
    assert "scalable_cli/engine" not in log


def test_failures_can_be_left_out(client: WorkflowClient) -> None:
    futures = [client.submit(double, 1, task="simulate"), client.submit(outer, "x", task="fresh")]

    assert client.gather(futures, errors="skip") == [2]


def spin() -> None:
    while True:
        time.sleep(0.01)


def test_a_call_that_takes_too_long_is_stopped(
    session: ScalableSession, client: WorkflowClient
) -> None:
    future = client.submit(spin, task="hasty")

    with pytest.raises(TimeoutError, match="time limit of 1 s"):
        client.gather(future)

    assert any(f.step == "hasty[0]" for f in run_of(session).failures)
    assert client.submit(double, 1, task="simulate").result() == 2


@pytest.mark.parametrize("task", ["simulat", "prepare", ""])
def test_a_task_that_a_workflow_does_not_do_is_refused(client: WorkflowClient, task: str) -> None:
    with pytest.raises(UsageError, match="no task"):
        client.submit(double, 1, task=task)


def test_the_plain_dask_client_is_there(client: WorkflowClient) -> None:
    assert client.dask.submit(double, 21).result() == 42


def test_a_started_session_cannot_start_again(
    session: ScalableSession, client: WorkflowClient
) -> None:
    with pytest.raises(RefusedError, match="has started"):
        session.start()


def test_a_run_ends_with_its_block_and_the_next_block_goes_on(tmp_path: Path) -> None:
    (tmp_path / "scalable.yaml").write_text(MANIFEST)
    session = ScalableSession.from_yaml(tmp_path / "scalable.yaml")
    with session.start() as client:
        client.gather(client.map(double, [1, 2], task="simulate"))
    first = run_of(session)

    with session, session.start() as client:
        client.gather(client.map(double, [3], task="simulate"))
    second = run_of(session)

    assert (first.state.value, first.steps) == ("done", 2)
    assert (second.state.value, second.steps) == ("done", 3)
    assert second.id == first.id
    assert not Path(second.uri, "lease.json").exists()


def test_an_exception_in_the_block_makes_the_run_failed(tmp_path: Path) -> None:
    (tmp_path / "scalable.yaml").write_text(MANIFEST)
    session = ScalableSession.from_yaml(tmp_path / "scalable.yaml")

    def work() -> None:
        with session.start() as client:
            pending = client.map(time.sleep, [2] * 5, task="simulate")
            client.submit(outer, pending, task="fresh")
            outer("x")

    with pytest.raises(RuntimeError):
        work()

    run = run_of(session)
    assert (run.state.value, run.reason) == ("failed", "RuntimeError: the model diverged")
    assert task_of(session, "simulate").skipped == 5


def test_processes_do_the_same(tmp_path: Path) -> None:
    text = MANIFEST.replace("max_workers: 2", "max_workers: 2\n    processes: true")
    (tmp_path / "scalable.yaml").write_text(text)
    session = ScalableSession.from_yaml(tmp_path / "scalable.yaml")

    with session.start() as client:
        pids = client.gather(client.map(lambda _: os.getpid(), range(4), task="simulate"))
        with pytest.raises(ZeroDivisionError):
            client.gather(client.submit(lambda: 1 / 0, task="fresh"))

    assert os.getpid() not in pids
    assert task_of(session, "simulate").done == 4
    assert task_of(session, "simulate").peak_memory_bytes > 1 << 20
    assert [failure.text for failure in run_of(session).failures] == [
        "ZeroDivisionError: division by zero"
    ]
