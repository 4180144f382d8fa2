"""How long a plan takes, and how many workers it can use."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest
from pricing_plans import ANALYSIS, aws, make, steps_plan, task, workflow_plan

from scalable_cli.model.estimate import Basis, BasisKind
from scalable_cli.model.manifest import Adaptive, Axis, Component, Declared, Value
from scalable_cli.pricing import Observed, Usage
from scalable_cli.pricing.schedule import plan_timing, simulate, weakest
from scalable_cli.pricing.worker import Worker, slots

WORKER = Worker(Decimal(4), 16384)


def timing(plan, usage=Usage(), observed={}, worker=WORKER):  # noqa: B006, B008
    return plan_timing(plan, worker, usage, observed)


def minutes(count: int) -> Declared:
    return Declared(Decimal(60 * count))


def test_equal_steps_take_as_many_rounds_as_workers_need() -> None:
    plan = steps_plan(aws(), [(task(declared=minutes(12)), 25)])

    result = timing(plan)

    assert (result.seconds, result.workers) == (3 * 12 * 60, 10)
    assert result.basis.kind is BasisKind.DECLARED


def test_a_task_waits_for_all_steps_of_the_one_it_needs() -> None:
    chain = [("prepare", 1, 5), ("simulate", 20, 10), ("summarise", 1, 2)]
    plan = steps_plan(aws(), [(task(n, declared=minutes(m)), count) for n, count, m in chain])

    assert timing(plan).seconds == (5 + 2 * 10 + 2) * 60


def test_paired_steps_do_not_wait_for_each_other() -> None:
    pairs = tuple((i,) for i in range(3))
    slow, fast = task("a", declared=minutes(10)), task("b", declared=minutes(10))
    plan = make(aws(), [(slow, ANALYSIS, 3, ()), (fast, ANALYSIS, 3, ())])
    steps = tuple(
        replace(s, needs=(pairs[i - 3],)) if i > 2 else s for i, s in enumerate(plan.steps)
    )

    assert timing(replace(plan, steps=steps), Usage(workers=2)).seconds == 3 * 10 * 60


def test_earlier_tasks_come_first_when_both_can_run() -> None:
    long, short = task("a", declared=minutes(10)), task("b", declared=minutes(1))
    plan = make(aws(), [(long, ANALYSIS, 1, ()), (short, ANALYSIS, 10, ())])

    assert timing(plan, Usage(workers=2)).seconds == 600


def test_fewer_steps_need_fewer_workers() -> None:
    assert timing(steps_plan(aws(), [(task(), 3)])).workers == 3
    assert timing(steps_plan(aws(), [(task(), 30)])).workers == 10
    assert timing(steps_plan(aws(), [(task(), 30)]), Usage(workers=25)).workers == 25


def test_small_components_share_a_worker() -> None:
    small = Component("analysis", cpus=Decimal(1), memory_bytes=4 << 30)

    result = timing(steps_plan(aws(), [(task(declared=minutes(1)), 12)], small))

    assert slots(WORKER, small) == 4
    assert (result.workers, result.seconds) == (3, 60)


@pytest.mark.parametrize(
    ("component", "count"),
    [
        (Component("c", Decimal(3), 1 << 30), 1),
        (Component("c", Decimal("0.5"), 1 << 30), 8),
        (Component("c", Decimal("0.5"), 6 << 30), 2),
        (Component("c", Decimal(8), 64 << 30), 1),
    ],
)
def test_slots_are_what_cpus_and_memory_allow_and_at_least_one(component, count) -> None:
    assert slots(WORKER, component) == count


def test_components_of_different_sizes_share_the_room() -> None:
    half = Component("half", Decimal(2), 8 << 30)
    plan = make(
        aws(),
        [
            (task("a", declared=minutes(10)), ANALYSIS, 1, ()),
            (task("b", declared=minutes(10)), half, 2, ()),
        ],
    )

    assert timing(plan, Usage(workers=2)).seconds == 600
    assert timing(plan).workers == 2


def test_adaptive_targets_keep_their_minimum() -> None:
    target = replace(aws(), adaptive=Adaptive(4, 10))

    assert timing(steps_plan(target, [(task(), 2)])).workers == 4


def test_cached_steps_take_no_time() -> None:
    plan = steps_plan(aws(), [(task(declared=minutes(10)), 12)], cached=10)

    result = timing(plan)

    assert (result.seconds, result.workers) == (600, 2)


def test_a_workflow_may_use_every_worker() -> None:
    matrix = (Axis(("x",), tuple((Value(str(i)),) for i in range(25))),)
    plan = workflow_plan(aws())
    one = replace(plan.tasks[0].task, matrix=matrix, declared=minutes(12))
    planned = replace(plan.tasks[0], task=one)

    assert timing(plan).workers == 10
    assert timing(plan).seconds == 3600
    assert timing(replace(plan, tasks=(planned,))).seconds == 3 * 12 * 60


def test_observed_beats_declared_and_declared_beats_assumed() -> None:
    plan = steps_plan(aws(), [(task(declared=minutes(10)), 1)])

    seen = timing(plan, observed={"simulate": Observed(Decimal("12.5"), 3)})

    assert (seen.seconds, str(seen.basis)) == (Decimal("12.5"), "observed (3 steps)")
    assert timing(plan).basis.kind is BasisKind.DECLARED
    assert timing(steps_plan(aws(), [(task(), 1)])).basis.kind is BasisKind.ASSUMED


def test_hours_are_taken_as_said() -> None:
    result = timing(steps_plan(aws(), [(task(), 30)]), Usage(hours=Decimal("1.5")))

    assert (result.seconds, result.workers, result.notes) == (5400, 10, ())


def test_the_weakest_basis_wins_and_observations_add_up() -> None:
    seen, more = Basis(BasisKind.OBSERVED, 3), Basis(BasisKind.OBSERVED, 4)
    free, declared = Basis(BasisKind.NO_CHARGE), Basis(BasisKind.DECLARED)

    assert weakest([seen, declared, free]) is declared
    assert weakest([seen, more]) == Basis(BasisKind.OBSERVED, 7)
    assert weakest([free]) == free


def test_a_hundred_thousand_steps_are_scheduled_in_half_a_second() -> None:
    plan = steps_plan(aws(), [(task("a"), 1), (task("b"), 100_000), (task("c"), 1)])
    took = []

    for _ in range(3):
        start = time.process_time()
        wall, used = simulate(plan, [1000, 1000, 1000], [1, 1, 1], 10)
        took.append(time.process_time() - start)

    assert (wall, used) == (10_002_000, 10)
    assert min(took) < 0.5
