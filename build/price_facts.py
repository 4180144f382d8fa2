"""The CSV facts, row by row: what is accepted, and why a row is refused."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from scalable_cli.pricing.tables import ALLOWANCES, INSTANCES, RATES, Origin, open_prices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOVED = Decimal("0.5")
ARCHITECTURES = {"", "x86_64", "arm64"}
KINDS = {"official": "listed", "observed": "observed", "derived": "derived"}
UNITS = {
    "GB", "GB-month", "GB-month (compressed)", "hour", "1k requests", "GiB", "GiB-month",
    "GiB-hour", "GiB-second", "vCPU-hour", "vCPU-second", "cluster-hour", "request",
    "1k operations", "GB-hour",
}  # fmt: skip
DATE = re.compile(r"\d{4}(-\d\d){0,2}(/\d{4}(-\d\d){0,2})?|undated")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
FREE_COLUMNS = tuple(
    "cloud service item allowance unit period scope eligibility as_of source".split()
)
TIER_ITEM = "cloud_run_region_tier"

# The first pattern that an item begins with decides its table.
TABLE_OF = {
    "aws_other.csv": (
        ("s3_|ebs_|ecr_", "aws_storage"),
        ("eks_", "aws_eks"),
        ("cloudwatch_", "aws_logs"),
        ("nat_|public_ipv4|vpc_|internet_|inter_", "aws_network"),
    ),
    "gcp_other.csv": (
        ("cloud_run_", "gcp_run"),
        ("gke_", "gcp_gke"),
        ("internet_|nat_|external_ipv4|artifact_registry_egress", "gcp_network"),
        ("gcs_|artifact_|pd_|local_|hyperdisk_|hdd_|ssd_|balanced_", "gcp_storage"),
    ),
}


class Refused(Exception):  # noqa: N818 - reads as what happened
    """A row that must not get into the tables."""


@dataclass(frozen=True)
class Fact:
    """One accepted row: where it belongs, its rates as text, and where each comes from."""

    table: str
    key: tuple[str, ...]
    region: str
    rates: tuple[str, ...]
    origins: tuple[Origin, ...]
    place: str


def read_facts(folder: Path) -> tuple[dict[str, list[Fact]], list[str]]:
    """Every fact by table, and every row that is refused as "file:line: reason"."""
    tables: dict[str, list[Fact]] = defaultdict(list)
    refusals: list[str] = []
    for name, read_row in READERS.items():
        path = folder / name
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            for row in reader:
                place = f"{path}:{reader.line_num}"
                try:
                    if None in row or None in row.values():
                        raise Refused("the number of columns differs from the header's")
                    for fact in read_row(row, place):
                        tables[fact.table].append(fact)
                except KeyError as error:
                    refusals.append(f"{path}:1: no column {error.args[0]!r}")
                    break
                except Refused as error:
                    refusals.append(f"{place}: {error}")
    if not tables and not refusals:
        raise Refused(f"{folder}: none of {', '.join(READERS)} is there")
    return tables, refusals


def fargate(row: dict[str, str], place: str) -> Iterator[Fact]:
    """Three rates a row: vCPU, memory, ephemeral storage."""
    arch, capacity = row["arch"], row["capacity"]
    if arch not in ARCHITECTURES - {""}:
        raise Refused(f'unknown arch "{arch}"')
    if capacity not in {"on_demand", "spot"}:
        raise Refused(f'unknown capacity "{capacity}"')
    origin = origin_of(row, row["kind"])
    for column, item, unit in (
        ("usd_per_vcpu_hour", "vcpu_hour", "vCPU-hour"),
        ("usd_per_gb_hour", "gb_hour", "GB-hour"),
        ("usd_per_ephemeral_gb_hour_over_20gb", "ephemeral_gb_hour", "GB-hour"),
    ):
        key = (f"{item}.{arch}.{capacity}", unit, "", "")
        yield Fact("aws_fargate", key, row["region"], (rate_of(row, column),), (origin,), place)


def instances(table: str, column: str) -> Callable[[dict[str, str], str], Iterator[Fact]]:
    """A reader of machine types: on-demand rate, and spot rate where there is one."""

    def read_row(row: dict[str, str], place: str) -> Iterator[Fact]:
        if row["arch"] not in ARCHITECTURES:
            raise Refused(f'unknown arch "{row["arch"]}"')
        if not row[column] or not row["region"]:
            raise Refused("no machine type or no region")
        size = tuple(positive(row[name], name) for name in ("vcpus", "memory_gib"))
        gpus = positive(row["gpu_count"], "gpu_count") if row["gpu_count"] else ""
        key = (row[column], *size, row["arch"], row["gpu_name"], gpus)
        rates, origins = [rate_of(row, "on_demand_usd_hour")], [origin_of(row)]
        if row["spot_usd_hour"]:
            date, source = row.get("spot_as_of", row["as_of"]), row.get("spot_source", "")
            kind = "observed" if source and not source.startswith("derived") else None
            rates.append(rate_of(row, "spot_usd_hour"))
            origins.append(origin_of({"as_of": date, "source": source or row["source"]}, kind))
        yield Fact(table, key, row["region"], tuple(rates), tuple(origins), place)

    return read_row


def others(file: str) -> Callable[[dict[str, str], str], Iterator[Fact]]:
    """A reader of single rates by item and region, with tiers."""

    def read_row(row: dict[str, str], place: str) -> Iterator[Fact]:
        item, region = row["item"], row["region"] or "global"
        table = next((t for p, t in TABLE_OF[file] if re.match(p, item)), None)
        if table is None:
            raise Refused(f'unknown item "{item}"')
        if item == TIER_ITEM:
            yield tier_fact(row, table, place)
            return
        if row["unit"] not in UNITS:
            raise Refused(f'unknown unit "{row["unit"]}"')
        tier = tuple(
            text if text in {"", "0"} else positive(text, "tier")
            for text in (row["tier_from"], row["tier_to"])
        )
        key = (item, row["unit"], *tier)
        yield Fact(table, key, region, (rate_of(row, "usd"),), (origin_of(row),), place)

    return read_row


def tier_fact(row: dict[str, str], table: str, place: str) -> Fact:
    """The price tier of a region: a word in the note column instead of a rate."""
    if row["usd"] or row["unit"] != "tier" or row["note"] not in {"tier1", "tier2"}:
        raise Refused(f'{TIER_ITEM} must have no rate, unit "tier", and tier1 or tier2 as note')
    origin = origin_of({**row, "note": ""})
    return Fact(table, (TIER_ITEM, "tier", "", ""), row["region"], (row["note"],), (origin,), place)


def free(row: dict[str, str], place: str) -> Iterator[Fact]:
    """An allowance, kept as it is."""
    if not NUMBER.fullmatch(row["allowance"]) and row["allowance"] != "unlimited":
        raise Refused(f'allowance "{row["allowance"]}" is not a number')
    yield Fact("free_tier", tuple(row[name] for name in FREE_COLUMNS), "", (), (), place)


READERS = {
    "aws_fargate.csv": fargate,
    "aws_ec2.csv": instances("aws_ec2", "instance_type"),
    "aws_other.csv": others("aws_other.csv"),
    "gcp_compute.csv": instances("gcp_gce", "machine_type"),
    "gcp_other.csv": others("gcp_other.csv"),
    "free_tier.csv": free,
}


def rate_of(row: dict[str, str], column: str) -> str:
    """The rate in its shortest form; refuses what is not above zero."""
    return positive(row[column], column)


def positive(text: str, name: str) -> str:
    if not text:
        raise Refused(f"{name} is empty")
    if not NUMBER.fullmatch(text):
        raise Refused(f'{name} "{text}" is not a number')
    if Decimal(text) <= 0:
        raise Refused(f"{name} {text} is not above 0")
    return text.rstrip("0").rstrip(".") if "." in text else text


def origin_of(row: dict[str, str], kind: str | None = None) -> Origin:
    """Date, source, note, and whether the rate is listed, observed or derived."""
    date, source, note = row["as_of"], row["source"], row.get("note", "")
    if kind is None:
        guess = date == "derived" or source.startswith(("=", "derived")) or "CORRECTED" in note
        kind = "derived" if guess else "official"
    if kind not in KINDS:
        raise Refused(f'unknown kind "{kind}"')
    date = "undated" if date == "derived" else date
    if not DATE.fullmatch(date):
        raise Refused(f'"{date}" is not a date')
    if not source:
        raise Refused("no source")
    texts = [" ".join(text.split()) for text in (source, note)]
    return Origin(KINDS[kind], date, *texts)


def check(tables: dict[str, list[Fact]], out: Path, *, force: bool) -> list[str]:
    """What is wrong between rows: duplicates, gaps between tiers, rates that moved."""
    refusals = []
    for name, facts in tables.items():
        seen: dict[tuple[str, ...], Fact] = {}
        for fact in facts:
            earlier = seen.setdefault((*identity(fact), fact.region), fact)
            if earlier is not fact:
                refusals.append(f"{fact.place}: the same row as {earlier.place}")
        refusals += specifications(name, facts)
        refusals += gaps(facts) if layout_of(name) == RATES else []
        refusals += [] if force else moved(name, facts, out)
    return refusals


def identity(fact: Fact) -> tuple[str, ...]:
    """What a fact is about, without the region: the machine type, or the item and its tier."""
    if fact.table == "free_tier":
        return fact.key[:3]
    return fact.key[:1] if layout_of(fact.table) == INSTANCES else (fact.key[0], fact.key[2])


def layout_of(table: str) -> str:
    return {"aws_ec2": INSTANCES, "gcp_gce": INSTANCES, "free_tier": ALLOWANCES}.get(table, RATES)


def specifications(table: str, facts: list[Fact]) -> Iterator[str]:
    """Complaints about one machine type with two sizes, or one item with two units."""
    width = {INSTANCES: 6, RATES: 2}.get(layout_of(table), 0)
    first: dict[str, Fact] = {}
    for fact in facts if width else ():
        earlier = first.setdefault(fact.key[0], fact)
        if earlier.key[:width] != fact.key[:width]:
            yield f"{fact.place}: differs from {earlier.place} in size or unit"


def gaps(facts: list[Fact]) -> Iterator[str]:
    """Complaints about tiers that overlap or leave a gap."""
    groups: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[fact.key[0], fact.region].append(fact)
    for group in groups.values():
        group.sort(key=tier_order)
        for lower, upper in pairwise(group):
            if Decimal(lower.key[3] or -1) != Decimal(upper.key[2] or 0):
                yield f"{upper.place}: this tier does not begin where the one below it ends"


def tier_order(fact: Fact) -> tuple[str, Decimal]:
    return fact.key[0], Decimal(fact.key[2] or 0)


def moved(name: str, facts: list[Fact], out: Path) -> Iterator[str]:
    """Complaints about rates that are more than half above or below the present table's."""
    if not (out / "index.json").is_file():
        return
    present = open_prices(out)
    if name not in {table.name for table in present.tables()}:
        return
    old = {row.identity: row.usd for row in present.table(name).rows() if row.usd is not None}
    for fact in facts:
        for capacity, text in zip(("", "spot"), fact.rates, strict=False):
            tier = fact.key[2] if layout_of(name) == RATES else ""
            before = old.get((fact.key[0], fact.region, tier, capacity))
            if before is not None and abs(Decimal(text) - before) > before * MOVED:
                yield (
                    f"{fact.place}: {fact.key[0]} {capacity} in {fact.region} moved from "
                    f"{before} to {text}, more than 50 %; --force accepts it"
                ).replace("  ", " ")
