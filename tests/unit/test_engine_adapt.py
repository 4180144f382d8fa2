"""How many workers a pool gets, whatever is asked of it."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from scalable_cli.engine.adapt import Bounds, Demand, Pace, Size, decide

PACE = Pace(target_s=60, idle_s=30, cool_down_s=40, start_s=10)
BOUNDS = Bounds(1, 10, cpus=2)

demands = st.builds(
    Demand,
    cpu_seconds=st.one_of(st.just(0.0), st.floats(0, 1e7)),
    useful=st.integers(0, 10_000),
    idle_s=st.lists(st.floats(0, 1e5), max_size=30).map(tuple),
)
bounds = st.tuples(st.integers(0, 20), st.integers(0, 50), st.floats(0.1, 128)).map(
    lambda t: Bounds(t[0], t[0] + t[1], t[2])
)
paces = st.builds(
    Pace,
    target_s=st.floats(1, 3600),
    idle_s=st.floats(0, 600),
    cool_down_s=st.floats(0, 600),
    start_s=st.floats(0, 600),
)
history = st.lists(st.tuples(st.floats(0, 120), demands), min_size=1, max_size=40)


@given(bounds, paces, history)
def test_the_bounds_hold_and_a_direction_lasts_a_cool_down(
    bounds: Bounds, pace: Pace, history: list[tuple[float, Demand]]
) -> None:
    size, now = Size(bounds.minimum), 0.0
    changes: list[tuple[float, int]] = []
    for pause, demand in history:
        now += pause
        before, size = size, decide(size, demand, bounds, pace, now)
        if size.workers != before.workers:
            changes.append((now, size.workers - before.workers))

        assert bounds.minimum <= size.workers <= bounds.maximum
        assert before.workers - size.workers <= sum(s >= pace.idle_s for s in demand.idle_s)

    for (earlier, change), (later, next_change) in itertools.pairwise(changes):
        assert (change > 0) == (next_change > 0) or later - earlier >= pace.cool_down_s


@given(bounds, paces, demands, st.integers(0, 100))
def test_a_size_outside_of_the_bounds_comes_back_at_once(
    bounds: Bounds, pace: Pace, demand: Demand, workers: int
) -> None:
    size = decide(Size(workers, 0.0, grew=True), demand, bounds, pace, 0.0)

    assert bounds.minimum <= size.workers <= bounds.maximum


def test_work_for_nobody_starts_a_worker() -> None:
    size = decide(Size(0), Demand(0.1, 1), Bounds(0, 5), PACE, 0.0)

    assert size.workers == 1


def test_there_are_as_many_as_end_the_work_in_the_target_time() -> None:
    # 6 workers x 2 cpus: one that is there for 60 s, five from second 10 on.
    size = decide(Size(1), Demand(60 * 2 + 5 * 50 * 2, 100), BOUNDS, PACE, 0.0)

    assert size.workers == 6


def test_a_slow_start_makes_the_target_time_longer() -> None:
    slow = Pace(target_s=60, start_s=300)

    size = decide(Size(1), Demand(600 * 2, 100), BOUNDS, slow, 0.0)

    assert size.workers == 1


def test_there_are_no_more_than_could_be_given_something() -> None:
    assert decide(Size(1), Demand(1e6, 3), BOUNDS, PACE, 0.0).workers == 3


def test_there_are_no_more_than_the_maximum() -> None:
    assert decide(Size(1), Demand(1e6, 300), BOUNDS, PACE, 0.0).workers == 10


def test_only_workers_that_are_long_idle_go() -> None:
    idle = Demand(0.0, 0, idle_s=(5.0, 31.0, 90.0))

    assert decide(Size(6), idle, BOUNDS, PACE, 100.0).workers == 4


def test_growing_and_shrinking_lie_a_cool_down_apart() -> None:
    grown = decide(Size(1), Demand(1e6, 300), BOUNDS, PACE, 0.0)
    idle = Demand(0.0, 0, idle_s=(60.0,) * 10)

    assert decide(grown, idle, BOUNDS, PACE, 39.0).workers == 10
    assert decide(grown, idle, BOUNDS, PACE, 40.0).workers == 1


def test_growing_goes_on_without_a_pause() -> None:
    first = decide(Size(1), Demand(1e6, 3), BOUNDS, PACE, 0.0)

    assert decide(first, Demand(1e6, 8), BOUNDS, PACE, 1.0).workers == 8
