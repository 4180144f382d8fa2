"""The cost block keeps its shape, its rounding, and its honesty about what is not known."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from scalable_cli.model.estimate import (
    Basis,
    BasisKind,
    Estimate,
    Line,
    Period,
    TimeEstimate,
    What,
)
from scalable_cli.model.manifest import AwsOptions, ClusterType, Provider, Target
from scalable_cli.ui.estimate_text import estimate_text, time_text, total_text
from scalable_cli.ui.money import money_text, show_money
from scalable_cli.ui.terminal import Look

FARGATE = Target("aws", Provider.AWS, AwsOptions(), 10, ClusterType.FARGATE, "us-east-1")
DECLARED = Basis(BasisKind.DECLARED)


def line(what: What, cost: str | None, formula: str, *, monthly: bool = False) -> Line:
    period = Period.MONTH if monthly else Period.ONCE
    amount = None if cost is None else Decimal(cost)
    return Line(what, Decimal(1), "h", amount, amount, period, DECLARED, formula)


def estimate(*lines: Line) -> Estimate:
    once = sum((x.cost or 0 for x in lines if x.period is Period.ONCE), Decimal(0))
    monthly = sum((x.cost or 0 for x in lines if x.period is Period.MONTH), Decimal(0))
    unknown = any(x.cost is None for x in lines)
    time = TimeEstimate(Decimal(1920), DECLARED)
    return Estimate("USD", "2025-10-27", 8, time, lines, once, monthly, unknown, DECLARED)


EXAMPLE = estimate(
    line(What.COMPUTE, "3.2384", "10 workers x 4 vCPU x 2 h x $0.04048/vCPU-h"),
    line(What.MEMORY, "1.4224", "10 workers x 16 GB x 2 h x $0.004445/GB-h"),
    line(What.HEAD, "0.09874", "1 vCPU, 2 GB x 2 h"),
    line(What.PUBLIC_IPV4, "0.11", "11 addresses x 2 h x $0.005/h"),
    line(What.EGRESS, "0.90", "10 GB x $0.09/GB (first 100 GB a month are free)"),
    line(What.STORAGE, "1.15", "50 GB x $0.023/GB", monthly=True),
)

SCREEN = """\
Cost estimate for target 'aws' (fargate, us-east-1)                         prices 2025-10-27
  Compute   $3.24   10 workers x 4 vCPU x 2 h x $0.04048/vCPU-h             declared
  Memory    $1.42   10 workers x 16 GB x 2 h x $0.004445/GB-h               declared
  Head      $0.10   1 vCPU, 2 GB x 2 h                                      declared
  IPv4      $0.11   11 addresses x 2 h x $0.005/h                           declared
  Transfer  $0.90   10 GB x $0.09/GB (first 100 GB a month are free)        declared
  ------------------------------------------------------------------------
  Total     $5.77   one-time
  Storage   $1.15   a month, 50 GB x $0.023/GB
"""


def test_the_block_has_the_documented_shape() -> None:
    assert estimate_text(EXAMPLE, FARGATE) == SCREEN


def test_the_block_is_narrower_on_a_narrow_terminal() -> None:
    text = estimate_text(EXAMPLE, FARGATE, Look(columns=80))

    assert max(len(row) for row in text.splitlines()[1:]) <= 80


def test_a_formula_that_does_not_fit_goes_on_below() -> None:
    formula = "10 workers x 4 vCPU x 2 h x $0.01288871/vCPU-h (spot, estimated)"

    text = estimate_text(estimate(line(What.COMPUTE, "1.03", formula)), FARGATE, Look(columns=72))

    assert max(len(row) for row in text.splitlines()[1:]) <= 72
    assert " ".join(text.split()).count("(spot, estimated)") <= 1
    assert "\n" + " " * 20 in text


def test_an_unknown_price_is_never_zero() -> None:
    known = line(What.COMPUTE, "3", "10 h x $0.3/h")
    value = estimate(known, line(What.VOLUME, None, "10 GB, price unknown"))

    text = estimate_text(value, FARGATE)

    assert "  Volume    unknown   10 GB, price unknown" in text
    assert "  Total     at least $3.00 (1 price unknown)\n" in text
    assert total_text(value) == "at least $3.00 (1 price unknown)"


def test_a_target_without_charges_is_one_line() -> None:
    free = replace(line(What.COMPUTE, "0", ""), basis=Basis(BasisKind.NO_CHARGE))

    text = estimate_text(estimate(free), replace(FARGATE, name="mine"))

    assert text == "Cost      no charge on target 'mine' (fargate, us-east-1)\n"


def test_time_says_workers_and_basis() -> None:
    assert time_text(EXAMPLE) == "about 32 min with 8 workers (declared)"


@pytest.mark.parametrize(
    ("amount", "shown", "exact"),
    [
        ("0", "$0.00", "0.00"),
        ("0.005", "$0.01", "0.005"),
        ("0.0049", "<$0.01", "0.0049"),
        ("2.675", "$2.68", "2.675"),
        ("1234.5", "$1,234.50", "1234.50"),
        ("0.00000049", "<$0.01", "0"),
    ],
)
def test_money_is_rounded_half_up_for_people_and_kept_for_programs(
    amount: str, shown: str, exact: str
) -> None:
    assert show_money(Decimal(amount)) == shown
    assert money_text(Decimal(amount)) == exact


def test_unknown_money_is_a_word_for_people_and_null_for_programs() -> None:
    assert show_money(None) == "unknown"
    assert money_text(None) is None
