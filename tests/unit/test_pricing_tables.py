"""The price tables that are shipped: whole, dated, small, and found by item and region."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import time
from decimal import Decimal
from pathlib import Path

import pytest

from scalable_cli.errors import SetupError
from scalable_cli.model.regions import AWS_REGIONS, GCP_REGIONS
from scalable_cli.pricing import PriceBook, open_prices
from scalable_cli.pricing.lines import nearest

FOLDER = Path(__file__).resolve().parents[2] / "pricing_data"


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return open_prices()


def test_every_table_says_what_it_is(book: PriceBook) -> None:
    names = {about.name for about in book.tables()}

    assert names == {path.stem for path in FOLDER.glob("*.tsv")}
    for about in book.tables():
        assert (about.currency, len(about.sha256)) == ("USD", 64)
        assert about.rows > 0
        assert about.source
        assert about.as_of[:2] == "20"


def test_the_index_counts_rows_and_knows_digests(book: PriceBook) -> None:
    for about in book.tables():
        content = (FOLDER / f"{about.name}.tsv").read_bytes()
        assert hashlib.sha256(content).hexdigest() == about.sha256
        table = book.table(about.name)
        listed = sum(1 for row in table.rows() if not row.capacity)
        assert listed + sum(1 for _ in table.allowances()) == about.rows
        assert sum(count for _, count in about.dates) == about.rows


def test_no_rate_is_zero_or_without_a_date(book: PriceBook) -> None:
    for about in book.tables():
        for row in book.table(about.name).rows():
            assert row.usd is None or row.usd > 0
            assert row.origin.as_of
            assert row.origin.source


def test_regions_are_the_ones_that_the_checks_know(book: PriceBook) -> None:
    for name, known in (
        ("aws_fargate", AWS_REGIONS),
        ("aws_ec2", AWS_REGIONS),
        ("gcp_gce", GCP_REGIONS),
    ):
        assert {row.region for row in book.table(name).rows()} <= known


def test_a_rate_keeps_its_own_date_and_kind(book: PriceBook) -> None:
    table = book.table("aws_fargate")

    usual = table.rate("vcpu_hour.x86_64.on_demand", "us-east-1")
    spot = table.rate("vcpu_hour.x86_64.spot", "us-east-1")
    undated = table.rate("vcpu_hour.x86_64.spot", "sa-east-1")

    assert usual is not None
    assert (usual.usd, usual.origin.kind, usual.origin.as_of) == (
        Decimal("0.04048"),
        "listed",
        "2025-10-27",
    )
    assert spot is not None
    assert (spot.origin.kind, spot.origin.as_of) == ("observed", "2026-09-28")
    assert undated is not None
    assert undated.origin.as_of == "undated"


def test_what_no_table_has_is_none_and_never_zero(book: PriceBook) -> None:
    ec2 = book.table("aws_ec2")

    assert ec2.machine("m5") is None
    assert ec2.machine_rate("m99.xlarge", "us-east-1") is None
    assert ec2.machine_rate("m5.xlarge", "moon-1") is None
    assert ec2.machine_rate("cr1.8xlarge", "us-east-1", spot=True) is None
    assert book.table("gcp_run").rate("cloud_run_worker_pool_vcpu_second", "tier2") is None
    assert book.table("gcp_run").word("cloud_run_region_tier", "europe-north2") is None


def test_odd_rows_are_kept_as_they_are(book: PriceBook) -> None:
    fraction, old = (
        book.table("aws_ec2").machine("g6f.large"),
        book.table("aws_ec2").machine("g2.2xlarge"),
    )

    assert fraction is not None
    assert old is not None
    assert (fraction.gpu, fraction.gpus, old.arch) == ("l4", None, "")
    assert book.table("gcp_run").word("cloud_run_region_tier", "us-west2") == "tier2"
    assert (
        book.table("gcp_network").rate("artifact_registry_egress_gb_na_to_na", "global") is not None
    )


def test_a_lookup_reads_one_line_the_same_as_a_full_scan(book: PriceBook) -> None:
    scanned = {
        (row.item, row.capacity): row.usd for row in book.table("aws_ec2").rows(region="eu-west-1")
    }
    fresh = open_prices().table("aws_ec2")

    for name in ("a1.2xlarge", "m5.xlarge", "z1d.xlarge", "c5.4xlarge"):
        rate = fresh.machine_rate(name, "eu-west-1")
        spot = fresh.machine_rate(name, "eu-west-1", spot=True)
        assert (rate and rate.usd) == scanned[name, ""]
        assert (spot and spot.usd) == scanned.get((name, "spot"))


def test_rows_can_be_chosen_by_region_and_pattern(book: PriceBook) -> None:
    rows = list(book.table("aws_ec2").rows(region="us-east-1", item="m5.*large"))

    assert {row.region for row in rows} == {"us-east-1"}
    assert {"m5.large", "m5.xlarge", "m5.12xlarge"} < {row.item for row in rows}
    assert all(row.item.startswith("m5.") for row in rows)
    assert {row.capacity for row in rows} == {"", "spot"}


@pytest.mark.parametrize(
    ("region", "among", "expected"),
    [
        ("eu-west-3", ("us-east-1", "eu-central-1", "eu-west-1"), "eu-west-1"),
        ("eu-west-3", ("us-east-1", "eu-central-1"), "eu-central-1"),
        ("us-gov-east-1", ("us-east-1", "us-gov-west-1"), "us-gov-west-1"),
        ("cn-north-1", ("ca-central-1", "us-east-1"), "us-east-1"),
        ("europe-west2", ("us-central1", "asia-east1", "europe-north1"), "europe-north1"),
        ("me-west1", ("asia-east1", "us-central1"), "us-central1"),
        ("me-west1", ("asia-east1", "africa-south1"), "africa-south1"),
    ],
)
def test_the_nearest_region_shares_the_geography(region, among, expected) -> None:
    assert nearest(region, among) == expected


def test_a_changed_table_is_refused(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "prices")
    with (tmp_path / "prices" / "aws_eks.tsv").open("a") as stream:
        stream.write("\n")

    book = open_prices(tmp_path / "prices")

    assert book.table("aws_fargate")
    with pytest.raises(SetupError, match='"aws_eks" is not the one in the index'):
        book.table("aws_eks")


def test_missing_tables_are_a_set_up_problem(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        open_prices(tmp_path).tables()


def test_one_machine_is_found_without_parsing_the_rest() -> None:
    took = []
    for _ in range(3):
        start = time.process_time()
        assert open_prices().table("aws_ec2").machine_rate("m5.xlarge", "us-east-1")
        took.append(time.process_time() - start)

    assert min(took) < 0.03


def test_the_tables_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000
    assert json.loads((FOLDER / "index.json").read_text())["schema"] == "scalable.prices/1"


def test_tables_are_lines_of_tabs_that_any_reader_can_split(book: PriceBook) -> None:
    with (FOLDER / "aws_network.tsv").open(newline="") as stream:
        lines = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))

    columns = next(line for line in lines if line[:1] == ["columns"])
    assert columns[1:6] == ["item", "unit", "from", "to", "origin"]
    assert "us-east-1" in columns
