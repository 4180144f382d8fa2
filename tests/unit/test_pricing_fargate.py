"""What a run on Fargate costs, line by line, computed apart from the list prices."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pricing_plans import aws, line, steps_plan, task, what, workflow_plan

from scalable_cli.model.estimate import BasisKind, Period
from scalable_cli.model.manifest import Component, Spot
from scalable_cli.pricing import Observed, PriceBook, Usage, estimate, open_prices

HOURS = Usage(hours=Decimal(2))
TUTORIAL = Usage(hours=Decimal(2), output_gb=Decimal(50), transfer_gb=Decimal(10))


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return open_prices()


def test_the_tutorial_costs_five_dollars_seventy_seven(book: PriceBook) -> None:
    plan = workflow_plan(aws(worker_cpu=4096, worker_mem_mib=16384))

    result = estimate(plan, TUTORIAL, book, {})

    assert [(x.what.value, x.formula, str(x.basis)) for x in result.lines] == [
        ("compute", "10 workers x 4 vCPU x 2 h x $0.04048/vCPU-h", "declared"),
        ("memory", "10 workers x 16 GB x 2 h x $0.004445/GB-h", "declared"),
        ("head", "1 vCPU, 2 GB x 2 h", "declared"),
        ("public_ipv4", "11 addresses x 2 h x $0.005/h", "declared"),
        ("egress", "10 GB x $0.09/GB (first 100 GB a month are free)", "declared"),
        ("storage", "50 GB x $0.023/GB", "declared"),
    ]
    assert [x.cost for x in result.lines] == [
        10 * 4 * 2 * Decimal("0.04048"),
        10 * 16 * 2 * Decimal("0.004445"),
        2 * (Decimal("0.04048") + 2 * Decimal("0.004445")),
        11 * 2 * Decimal("0.005"),
        10 * Decimal("0.09"),
        50 * Decimal("0.023"),
    ]
    assert result.total == Decimal("3.2384") + Decimal("1.4224") + Decimal("0.09874") + Decimal(
        "0.11"
    ) + Decimal("0.9")
    assert result.monthly == Decimal("1.15")
    assert result.lines[-1].period is Period.MONTH
    assert (result.priced_on, result.workers, result.time.seconds) == ("2025-10-27", 10, 7200)
    assert (result.currency, result.incomplete, result.notes) == ("USD", False, ())


def test_amounts_have_no_exponent_and_no_trailing_zeros(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws()), replace(TUTORIAL, hours=Decimal(100)), book, {})

    for one in result.lines:
        for number in (one.quantity, one.rate, one.cost):
            assert "E" not in str(number)
            assert str(number) == str(number).rstrip("0") or "." not in str(number)


def test_spot_is_for_workers_only_and_called_an_estimate(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws()), Usage(hours=Decimal(2), spot=True), book, {})

    compute = what(result, "compute")
    assert compute.cost == 80 * Decimal("0.01288871")
    assert compute.formula.endswith("x $0.01288871/vCPU-h (spot, estimated)")
    assert compute.note == "observed 2026-09-28"
    assert what(result, "memory").cost == 320 * Decimal("0.00141527")
    assert what(result, "head").cost == Decimal("0.09874")


def test_a_derived_spot_rate_says_so(book: PriceBook) -> None:
    result = estimate(
        workflow_plan(aws(region="af-south-1")), Usage(Decimal(2), spot=True), book, {}
    )

    assert what(result, "compute").rate == Decimal("0.01638")
    assert what(result, "compute").note == "derived 2025-10-27"


def test_some_workers_may_stay_on_demand(book: PriceBook) -> None:
    target = replace(aws(), spot=Spot(base_on_demand=3))

    result = estimate(workflow_plan(target), HOURS, book, {})

    costs = [x.cost for x in result.lines if x.what.value == "compute"]
    assert costs == [3 * 4 * 2 * Decimal("0.04048"), 7 * 4 * 2 * Decimal("0.01288871")]


def test_the_command_line_beats_the_target_on_spot(book: PriceBook) -> None:
    target = replace(aws(), spot=Spot())

    result = estimate(workflow_plan(target), Usage(Decimal(2), spot=False), book, {})

    assert what(result, "compute").rate == Decimal("0.04048")


def test_arm_has_its_own_rates_for_workers_and_head(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws(region="af-south-1", arch="arm64")), HOURS, book, {})

    assert what(result, "compute").cost == 80 * Decimal("0.04372")
    assert what(result, "memory").cost == 320 * Decimal("0.0048")
    assert what(result, "head").cost == 2 * (Decimal("0.04372") + 2 * Decimal("0.0048"))


@pytest.mark.parametrize(("size", "over"), [(None, 0), (20, 0), (21, 1), (100, 80)])
def test_twenty_gb_of_disk_come_with_a_task(book: PriceBook, size: int | None, over: int) -> None:
    result = estimate(workflow_plan(aws(ephemeral_gb=size)), HOURS, book, {})

    found = [x.cost for x in result.lines if x.what.value == "ephemeral_storage"]
    assert found == ([10 * over * 2 * Decimal("0.000111")] if over else [])


def test_a_private_task_has_no_address(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws(public_ip=False)), HOURS, book, {})

    assert not [x for x in result.lines if x.what.value == "public_ipv4"]
    assert "NAT gateways or endpoints of private subnets are not in it" in result.notes


def test_a_minute_is_the_least_and_seconds_are_rounded_up(book: PriceBook) -> None:
    def hours_of(seconds: str) -> Decimal:
        plan = steps_plan(aws(), [(task(), 1)])
        seen = {"simulate": Observed(Decimal(seconds), 1)}
        return what(estimate(plan, Usage(), book, seen), "head").quantity

    assert hours_of("5") == line(Decimal(60) / 3600)
    assert hours_of("60") == line(Decimal(60) / 3600)
    assert hours_of("60.2") == line(Decimal(61) / 3600)


def test_a_component_is_rounded_up_to_a_size_that_is_sold(book: PriceBook) -> None:
    odd = Component("analysis", cpus=Decimal(3), memory_bytes=10 << 30)

    result = estimate(workflow_plan(aws(), odd), HOURS, book, {})

    assert what(result, "compute").cost == 80 * Decimal("0.04048")
    assert what(result, "memory").cost == 200 * Decimal("0.004445")
    assert "a worker needs 3 vCPU, 10 GB; Fargate rounds that up to 4 vCPU, 10 GB" in result.notes


def test_an_unknown_region_is_unknown_and_names_the_nearest(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws(region="cn-north-1")), TUTORIAL, book, {})

    assert result.incomplete
    assert {x.cost for x in result.lines} == {None}
    assert {x.rate for x in result.lines} == {None}
    assert what(result, "compute").formula == "10 workers x 4 vCPU x 2 h, price unknown"
    assert what(result, "compute").note == (
        "no price of Fargate (x86_64) is known in cn-north-1; "
        "the nearest region with one is us-east-1"
    )


def test_bases_come_from_the_duration(book: PriceBook) -> None:
    plan = steps_plan(aws(), [(task(), 4)])

    seen = estimate(plan, Usage(), book, {"simulate": Observed(Decimal(600), 7)})
    guessed = estimate(plan, Usage(), book, {})

    assert str(what(seen, "compute").basis) == "observed (7 steps)"
    assert what(guessed, "compute").basis.kind is BasisKind.ASSUMED
    assert guessed.basis.kind is BasisKind.ASSUMED
    assert any("1 h is assumed" in note and "--hours" in note for note in guessed.notes)


def test_nothing_to_run_costs_nothing(book: PriceBook) -> None:
    result = estimate(steps_plan(aws(), [(task(), 5)], cached=5), TUTORIAL, book, {})

    assert (result.lines, result.total, result.monthly) == ((), 0, 0)
    assert (result.time.seconds, result.workers) == (0, 0)
    assert str(result.time.basis) == "observed (5 steps)"
