"""What a bucket costs: stored output and images a month, and the requests of the run."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import Basis, BasisKind, Line, Period, What
from scalable_cli.model.manifest import Provider
from scalable_cli.model.regions import AWS_REGIONS, GCP_REGIONS
from scalable_cli.model.sizes import GIB
from scalable_cli.pricing.job import Bill
from scalable_cli.pricing.lines import Charge, Price, missing, tidy, tiered, unknown
from scalable_cli.pricing.worker import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.tables import PriceBook, PriceTable
    from scalable_cli.pricing.usage import Usage

# Besides its outputs a step writes its cache record, its log and a share of the journal, and
# reads its code bundle and a cache record.
PUTS_A_STEP, GETS_A_STEP = 3, 2
_DECLARED = Basis(BasisKind.DECLARED)


def bill(plan: Plan, usage: Usage, book: PriceBook) -> Bill:
    """Lines for what is known to be stored and asked for; a note when no size is known."""
    bucket = _Bucket(plan, book)
    lines: list[Line] = list(_requests(plan, bucket))
    amount = output_gb(plan, usage)
    if amount:
        lines.append(_monthly(amount, bucket.standard, bucket.region, bucket.table, bucket.name))
    if usage.image_gb:
        item, region = bucket.images
        lines.append(_monthly(usage.image_gb, item, region, bucket.table, "image storage"))
    unsaid = "stored output is not in it: say --output-gb, or estimate: output in the task"
    return Bill(tuple(lines), None, (unsaid,) if amount is None else ())


def output_gb(plan: Plan, usage: Usage) -> Decimal | None:
    """What the run writes: declared in all, else declared a step; None when nobody says."""
    if usage.output_gb is not None:
        return usage.output_gb
    return declared_gb(plan, {t.task.name: t.task.declared.output_bytes for t in plan.tasks})


def declared_gb(plan: Plan, sizes: dict[str, int | None]) -> Decimal | None:
    """The sum over the steps that run of what each is declared to have, in 2^30 bytes."""
    if all(size is None for size in sizes.values()):
        return None
    total = 0
    for task in plan.tasks:
        if size := sizes[task.task.name]:
            open_steps = sum(plan.steps[index].record is None for index in task.steps)
            total += size * (open_steps or (task.task.steps if task.task.runs_in_workflow else 0))
    return Decimal(total) / GIB


class _Bucket:
    """The store that `project.default_storage` names, else the target's own cloud's."""

    def __init__(self, plan: Plan, book: PriceBook) -> None:
        scheme = plan.manifest.project.default_storage.partition("://")[0]
        target = plan.manifest.target
        google = scheme == "gs" or (scheme != "s3" and target.provider is Provider.GCP)
        known = GCP_REGIONS if google else AWS_REGIONS
        self.table: PriceTable = book.table("gcp_storage" if google else "aws_storage")
        self.region = target.region if target.region in known else "a region not told"
        self.name = "Cloud Storage" if google else "S3"
        self.standard = "gcs_standard_gb_month" if google else "s3_standard_gb_month"
        place = "regional" if google else self.region
        self.put = ("gcs_class_a_1k_standard" if google else "s3_put_1k", place)
        self.get = ("gcs_class_b_1k_standard" if google else "s3_get_1k", place)
        self.images = (
            ("artifact_registry_gb_month", "global") if google else ("ecr_gb_month", self.region)
        )


def _monthly(amount: Decimal, item: str, region: str, table: PriceTable, name: str) -> Line:
    charge = Charge(
        What.STORAGE, (f"{plain(amount)} GB",), amount, "GB-month", _DECLARED, Period.MONTH
    )
    tiers = table.tiers(item, region)
    if not tiers:
        return unknown(charge, missing(Price(None, name, region, table.regions_of(item))))
    return tiered(charge, tiers, per="GB", remark=name if name == "image storage" else None)


def _requests(plan: Plan, bucket: _Bucket) -> Iterator[Line]:
    """One line where the steps are known; the counts follow from the plan."""
    puts = gets = 0
    for task in plan.tasks:
        count = sum(plan.steps[index].record is None for index in task.steps)
        puts += count * (len(task.task.outputs) + PUTS_A_STEP)
        gets += count * (len(task.task.inputs) + GETS_A_STEP)
    if not puts or any(task.task.runs_in_workflow for task in plan.tasks):
        return
    put, get = bucket.table.rate(*bucket.put), bucket.table.rate(*bucket.get)
    quantity = Decimal(puts + gets)
    parts = f"{puts} PUT", f"{gets} GET"
    charge = Charge(What.REQUESTS, (" + ".join(parts),), quantity, "request", _DECLARED)
    if put is None or get is None:
        regions = bucket.table.regions_of(bucket.put[0])
        yield unknown(charge, missing(Price(None, "requests", bucket.region, regions)))
        return
    cost = (puts * put.usd + gets * get.usd) / 1000
    text = f"{parts[0]} x ${plain(put.usd)}/1000 + {parts[1]} x ${plain(get.usd)}/1000"
    rate = tidy(cost / quantity)
    once = Period.ONCE
    yield Line(What.REQUESTS, quantity, "request", rate, tidy(cost), once, _DECLARED, text)
