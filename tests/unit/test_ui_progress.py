"""Progress: live lines on a terminal, few plain lines elsewhere."""

from __future__ import annotations

import io

from scalable_cli.model.run import TaskProgress
from scalable_cli.ui.progress import Progress
from scalable_cli.ui.terminal import Look


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def tasks(done: int, *, failed: int = 0, steps: int = 10) -> tuple[TaskProgress, ...]:
    return (TaskProgress("simulate", "small", steps, done=done, failed=failed, running=1),)


def progress(*, live: bool) -> tuple[Progress, io.StringIO, Clock]:
    stream, clock = io.StringIO(), Clock()
    return Progress(stream, Look(columns=60), live, now=clock), stream, clock


def test_a_terminal_is_redrawn_at_most_ten_times_a_second() -> None:
    shown, stream, clock = progress(live=True)

    for count in range(100):
        shown.update(lambda count=count: tasks(count % 10))
        clock.now += 0.01
    shown.close(tasks(10))

    assert 9 <= stream.getvalue().count("simulate") <= 12


def test_a_live_block_replaces_itself_and_stays_at_the_end() -> None:
    shown, stream, clock = progress(live=True)

    shown.update(lambda: tasks(2))
    clock.now += 4
    shown.update(lambda: tasks(6))
    shown.close(tasks(10))

    text = stream.getvalue()
    assert "\x1b[2A\x1b[J" in text
    assert "4 s, about 4 s left" in text
    assert text.endswith("####################  10/10  10 done, 1 running\n")
    assert all(len(line) <= 60 for line in text.replace("\x1b[2A\x1b[J", "").splitlines())


def test_elsewhere_a_line_is_written_when_a_task_ends() -> None:
    shown, stream, clock = progress(live=False)

    for count in range(10):
        shown.update(lambda count=count: tasks(count))
        clock.now += 0.1
    shown.close(tasks(10))

    assert stream.getvalue() == "simulate: 10 done, 1 running\n"


def test_elsewhere_a_long_run_is_heard_of_every_ten_seconds() -> None:
    shown, stream, clock = progress(live=False)

    for second in range(25):
        shown.update(lambda second=second: tasks(second, failed=1, steps=100))
        clock.now += 1

    lines = stream.getvalue().splitlines()
    assert lines[0] == "11 of 100 steps, 1 failed, 10 s, about 1 min 29 s left"
    assert len(lines) == 2


def test_what_is_said_stays_above_the_live_lines() -> None:
    shown, stream, clock = progress(live=True)

    shown.update(lambda: tasks(2))
    shown.say("simulate[n=3]: exit code 1")
    clock.now += 1
    shown.update(lambda: tasks(3))
    shown.close(tasks(3))

    text = stream.getvalue()
    assert "\x1b[2A\x1b[Jsimulate[n=3]: exit code 1\n  simulate" in text.replace("\x1b[J\x1b", "")
