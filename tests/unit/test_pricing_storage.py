"""Storage, requests and transfer: tiers at their bounds, amounts declared a step, no price."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pricing_plans import aws, gcp, plain_target, steps_plan, task, what, workflow_plan

from scalable_cli.model.estimate import Period
from scalable_cli.model.manifest import ClusterType, Declared, Input, LocalOptions, Provider
from scalable_cli.pricing import PriceBook, Usage, estimate, open_prices

TB = 1024


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return open_prices()


@pytest.mark.parametrize(
    ("gb", "cost", "formula"),
    [
        (10 * TB, 10240 * Decimal("0.09"), "10240 GB x $0.09/GB"),
        (
            10 * TB + 1,
            10240 * Decimal("0.09") + Decimal("0.085"),
            "10240 GB x $0.09/GB + 1 GB x $0.085/GB",
        ),
        (50 * TB, 10240 * Decimal("0.09") + 40960 * Decimal("0.085"), None),
        (
            150 * TB,
            10240 * Decimal("0.09") + 40960 * Decimal("0.085") + 102400 * Decimal("0.07"),
            None,
        ),
        (
            151 * TB,
            10240 * Decimal("0.09")
            + 40960 * Decimal("0.085")
            + 102400 * Decimal("0.07")
            + 1024 * Decimal("0.05"),
            None,
        ),
    ],
)
def test_egress_is_charged_by_tiers(book: PriceBook, gb: int, cost: Decimal, formula: str) -> None:
    result = estimate(workflow_plan(aws()), Usage(Decimal(1), transfer_gb=Decimal(gb)), book, {})

    egress = what(result, "egress")
    assert egress.cost == cost
    assert formula is None or egress.formula == f"{formula} (first 100 GB a month are free)"
    assert egress.rate == pytest.approx(cost / gb, abs=Decimal("0.00000001"))


@pytest.mark.parametrize(
    ("gb", "cost"),
    [
        (1 * TB, 1024 * Decimal("0.12")),
        (2 * TB, 1024 * Decimal("0.12") + 1024 * Decimal("0.11")),
        (11 * TB, 1024 * Decimal("0.12") + 9216 * Decimal("0.11") + 1024 * Decimal("0.085")),
    ],
)
def test_google_has_tiers_of_its_own(book: PriceBook, gb: int, cost: Decimal) -> None:
    plan = workflow_plan(gcp(ClusterType.CLOUD_RUN, "europe-west1"))

    egress = what(estimate(plan, Usage(Decimal(1), transfer_gb=Decimal(gb)), book, {}), "egress")

    assert egress.cost == cost
    assert "free" not in egress.formula


def test_storage_is_charged_by_tiers_a_month(book: PriceBook) -> None:
    plan = workflow_plan(aws())

    storage = what(
        estimate(plan, Usage(Decimal(1), output_gb=Decimal(512_001)), book, {}), "storage"
    )

    assert storage.cost == 51200 * Decimal("0.023") + 460800 * Decimal("0.022") + 1 * Decimal(
        "0.021"
    )
    assert storage.period is Period.MONTH


@pytest.mark.parametrize(
    ("default_storage", "rate"),
    [("s3://b/runs", Decimal("0.023")), ("./runs", Decimal("0.023")), ("gs://b/runs", None)],
)
def test_the_scheme_of_the_storage_decides_who_charges(
    book: PriceBook, default_storage: str, rate: Decimal | None
) -> None:
    plan = workflow_plan(aws(), default_storage=default_storage)

    result = estimate(plan, Usage(Decimal(1), output_gb=Decimal(50)), book, {})

    assert what(result, "storage").rate == rate
    assert result.incomplete is (rate is None)


def test_a_local_path_with_a_google_target_is_a_google_bucket(book: PriceBook) -> None:
    plan = workflow_plan(gcp(ClusterType.GKE), default_storage="./runs")

    storage = what(estimate(plan, Usage(Decimal(1), output_gb=Decimal(50)), book, {}), "storage")

    assert (storage.cost, storage.formula) == (Decimal(1), "50 GB x $0.02/GB")


def test_a_region_without_egress_price_is_unknown(book: PriceBook) -> None:
    plan = workflow_plan(aws(region="mx-central-1"))

    result = estimate(plan, Usage(Decimal(1), transfer_gb=Decimal(10)), book, {})

    assert what(result, "egress").cost is None
    assert what(result, "egress").formula == "10 GB, price unknown"
    assert what(result, "egress").note in result.notes


def test_amounts_declared_a_step_count_only_the_steps_that_run(book: PriceBook) -> None:
    declared = Declared(Decimal(60), output_bytes=2 << 30, transfer_bytes=1 << 29)
    plan = steps_plan(aws(), [(task(declared=declared), 10)], cached=4)

    result = estimate(plan, Usage(), book, {})

    assert what(result, "storage").quantity == 12
    assert what(result, "egress").quantity == 3


def test_amounts_that_nobody_says_are_named_in_a_note(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws()), Usage(Decimal(1)), book, {})

    assert result.monthly == 0
    assert [note for note in result.notes if "--output-gb" in note]
    assert [note for note in result.notes if "--transfer-gb" in note]


def test_an_amount_of_zero_has_no_line_and_no_note(book: PriceBook) -> None:
    usage = Usage(Decimal(1), output_gb=Decimal(0), transfer_gb=Decimal(0))

    result = estimate(workflow_plan(aws()), usage, book, {})

    assert not [x for x in result.lines if x.what.value in {"storage", "egress"}]
    assert not [note for note in result.notes if "--" in note]


def test_requests_follow_from_the_steps(book: PriceBook) -> None:
    one = task(outputs=(("a", "a.csv"), ("b", "b.csv")), inputs=(Input("grid", "prepare", "grid"),))

    result = estimate(steps_plan(aws(), [(one, 100)]), Usage(), book, {})

    requests = what(result, "requests")
    assert requests.cost == (500 * Decimal("0.005") + 300 * Decimal("0.0004")) / 1000
    assert requests.formula == "500 PUT x $0.005/1000 + 300 GET x $0.0004/1000"
    assert requests.quantity == 800


def test_a_workflow_has_no_request_line(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws()), Usage(Decimal(1)), book, {})

    assert not [x for x in result.lines if x.what.value == "requests"]


def test_images_are_stored_by_the_month_when_their_size_is_known(book: PriceBook) -> None:
    usage = Usage(Decimal(1), image_gb=Decimal(3))

    amazon = what(estimate(workflow_plan(aws()), usage, book, {}), "storage")
    google = workflow_plan(gcp(ClusterType.GKE), default_storage="gs://b")

    assert (amazon.cost, amazon.formula) == (Decimal("0.3"), "3 GB x $0.1/GB (image storage)")
    assert what(estimate(google, usage, book, {}), "storage").cost == Decimal("0.3")


def test_a_target_without_a_bill_has_no_storage_line(book: PriceBook) -> None:
    plan = workflow_plan(plain_target(Provider.LOCAL, LocalOptions(4)))

    result = estimate(
        plan, Usage(Decimal(1), output_gb=Decimal(50), transfer_gb=Decimal(10)), book, {}
    )

    assert [x.what.value for x in result.lines] == ["compute"]
    assert (result.total, result.monthly) == (0, 0)
