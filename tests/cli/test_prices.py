"""`scalable prices`: the tables, with date, source and digest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli_tools import Application
    from conftest import Program


def test_tables_are_listed(scalable: Program) -> None:
    result = scalable("prices", "list")

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("TABLE ")
    assert re.search(r"^aws_fargate +aws +fargate +\d+ +20\d\d-\d\d-\d\d ", result.out, re.M)


def test_the_list_as_json_has_whole_digests(app: Application) -> None:
    result = app("prices", "list", "--json")

    assert (result.code, result.err) == (0, "")
    assert result.json["schema"] == "scalable.prices/1"
    assert all(len(table["sha256"]) == 64 for table in result.json["tables"])


def test_a_table_is_shown_for_one_region(scalable: Program) -> None:
    words = ("--region", "us-east-1", "--item", "vcpu_hour.x86_64.*")

    result = scalable("prices", "show", "aws_fargate", *words)

    assert (result.code, result.err) == (0, "")
    assert re.search(
        r"^vcpu_hour.x86_64.on_demand +us-east-1 +\$0.04048 +vCPU-hour", result.out, re.M
    )
    assert "\nsource: " in result.out


def test_long_tables_say_what_is_left(app: Application) -> None:
    result = app("prices", "show", "aws_ec2")

    assert (result.code, result.err) == (0, "")
    assert re.search(
        r"^and [\d,]+ more rows; narrow it with --region and --item$", result.out, re.M
    )


def test_rates_are_decimal_strings_in_json(app: Application) -> None:
    words = ("--region", "us-east-1", "--item", "m5.xlarge", "--json")

    result = app("prices", "show", "aws_ec2", *words)

    assert (result.code, result.err) == (0, "")
    on_demand, spot = result.json["rates"]
    assert (on_demand["price"], on_demand["unit"]) == ("0.192", "hour")
    assert spot["capacity"] == "spot"


def test_what_has_no_price_is_refused(app: Application) -> None:
    table = app("prices", "show", "aws_ec")
    region = app("prices", "show", "aws_ec2", "--region", "mars")

    assert (table.code, table.out) == (2, "")
    assert 'there is no price table "aws_ec"\n  help: did you mean "aws_ec2"?' in table.err
    assert (region.code, region.out) == (2, "")
    assert '"aws_ec2" has no price for "mars"' in region.err


def test_what_is_free_is_a_table_too(app: Application) -> None:
    result = app("prices", "show", "free_tier")

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("CLOUD ")
