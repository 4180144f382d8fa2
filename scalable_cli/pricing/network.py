"""What it costs to bring results home: internet egress, with its tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.model.estimate import Basis, BasisKind, What
from scalable_cli.model.manifest import Provider
from scalable_cli.pricing.job import Bill
from scalable_cli.pricing.lines import Charge, Price, missing, tiered, unknown
from scalable_cli.pricing.storage import declared_gb
from scalable_cli.pricing.worker import plain

if TYPE_CHECKING:
    from decimal import Decimal

    from scalable_cli.model.plan import Plan
    from scalable_cli.pricing.tables import PriceBook
    from scalable_cli.pricing.usage import Usage

ITEMS = {
    Provider.AWS: ("aws_network", "internet_egress_gb"),
    Provider.GCP: ("gcp_network", "internet_egress_premium_gb_worldwide_excl_china_australia"),
}
# The allowance of each provider, and the only regions that it holds in (None: all).
FREE = {
    Provider.AWS: ("data_transfer", "internet_egress_gb", None),
    Provider.GCP: ("gcs", "egress_from_north_america_gib", {"us-central1", "us-east1", "us-west1"}),
}


def bill(plan: Plan, usage: Usage, book: PriceBook) -> Bill:
    """One line when an amount is known; what is free is said, and not subtracted."""
    amount = transfer_gb(plan, usage)
    if amount is None:
        unsaid = "transfer is not in it: say --transfer-gb, or estimate: transfer in the task"
        return Bill((), None, (unsaid,))
    if not amount:
        return Bill((), None)
    target = plan.manifest.target
    table_name, item = ITEMS[target.provider]
    region, table = target.region or "", book.table(table_name)
    parts, basis = (f"{plain(amount)} GB",), Basis(BasisKind.DECLARED)
    charge = Charge(What.EGRESS, parts, amount, "GB", basis)
    tiers = table.tiers(item, region)
    if not tiers:
        price = Price(None, "internet egress", region, table.regions_of(item))
        return Bill((unknown(charge, missing(price)),), None)
    remark = _free_remark(book, target.provider, region)
    return Bill((tiered(charge, tiers, per="GB", remark=remark),), None)


def transfer_gb(plan: Plan, usage: Usage) -> Decimal | None:
    """What leaves the cloud: declared in all, else declared a step; None when nobody says."""
    if usage.transfer_gb is not None:
        return usage.transfer_gb
    return declared_gb(plan, {t.task.name: t.task.declared.transfer_bytes for t in plan.tasks})


def _free_remark(book: PriceBook, provider: Provider, region: str) -> str | None:
    """The allowance as people read it: "first 100 GB a month are free"."""
    service, item, regions = FREE[provider]
    if regions is not None and region not in regions:
        return None
    for allowance in book.table("free_tier").allowances():
        if (allowance.cloud, allowance.service, allowance.item) == (provider.value, service, item):
            return f"first {allowance.amount} GB a {allowance.period} are free"
    return None
