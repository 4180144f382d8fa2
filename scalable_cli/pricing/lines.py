"""One line of an estimate: a charge with its rate, with tiers, or with no known price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import Basis, Line, Period, What
from scalable_cli.pricing.worker import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.pricing.tables import PriceTable, Rate, Tier

_CENT_FRACTION = Decimal("0.00000001")
MONTH_HOURS = 730


@dataclass(frozen=True, slots=True)
class Charge:
    """Something that costs money: `quantity` in `unit`; `parts` is how people read it."""

    what: What
    parts: tuple[str, ...]
    quantity: Decimal
    unit: str
    basis: Basis
    period: Period = Period.ONCE


@dataclass(frozen=True, slots=True)
class Price:
    """A rate per unit of a charge, and where to find it if it is not known.

    `item` names it for people ("m5.xlarge"); `sold_in` are the regions that have a price.
    """

    rate: Rate | None
    item: str
    region: str
    sold_in: tuple[str, ...]
    spot: bool = False


def look_up(table: PriceTable, item: str, region: str, *, name: str) -> Price:
    """The price of an item in a region; `name` is what people call it."""
    return Price(table.rate(item, region), name, region, table.regions_of(item))


def priced(charge: Charge, price: Price, *, factor: Decimal = Decimal(1)) -> Line:
    """The line of a charge with one rate; `factor` turns the table's unit into the charge's."""
    if price.rate is None:
        return unknown(charge, missing(price))
    usd = price.rate.usd * factor
    remark = f" ({spot_remark(price.rate)})" if price.spot else ""
    text = f"{_join(charge.parts)} x ${_rate(usd)}/{charge.unit}{remark}"
    note = f"{price.rate.origin.kind} {price.rate.origin.as_of}" if price.spot else None
    return _line(charge, usd, charge.quantity * usd, text, note)


def flat(charge: Charge, usd: Decimal, *, note: str | None = None) -> Line:
    """The line of a charge whose text does not name its rate."""
    return _line(charge, usd, charge.quantity * usd, _join(charge.parts), note)


def tiered(charge: Charge, tiers: Sequence[Tier], *, per: str, remark: str | None = None) -> Line:
    """The line of a monthly amount charged by tiers, the lowest of which counts from 0.

    What is free before the first tier is never subtracted: others may have used it.
    """
    shares, start = [], Decimal(0)
    for tier in tiers:
        amount = min(charge.quantity, tier.end or charge.quantity) - start
        if amount > 0:
            shares.append((amount, tier.rate.usd))
            start += amount
    shares = shares or [(charge.quantity, tiers[0].rate.usd)]
    cost = sum((amount * usd for amount, usd in shares), Decimal(0))
    text = " + ".join(f"{plain(amount)} {per} x ${_rate(usd)}/{per}" for amount, usd in shares)
    usd = shares[0][1] if len(shares) == 1 else tidy(cost / charge.quantity)
    return _line(charge, usd, cost, f"{text} ({remark})" if remark else text, remark)


def unknown(charge: Charge, note: str) -> Line:
    """The line of a charge whose price nobody knows; it says so, and is never 0."""
    text = f"{_join(charge.parts)}, price unknown"
    basis = charge.basis
    return Line(
        charge.what,
        tidy(charge.quantity),
        charge.unit,
        None,
        None,
        charge.period,
        basis,
        text,
        note,
    )


def missing(price: Price) -> str:
    """Why a price is not known, and the nearest region that has one."""
    spot = "spot " if price.spot else ""
    if not price.sold_in:
        return f"no {spot}price of {price.item} is known in any region"
    near = nearest(price.region, price.sold_in)
    where = f"is known in {price.region}; the nearest region with one is {near}"
    return f"no {spot}price of {price.item} {where}"


def nearest(region: str, candidates: Sequence[str]) -> str:
    """The candidate that shares most of the region's name: eu-west-3 is near eu-west-1.

    Without a common geography, the providers' first regions in the United States.
    """

    def rank(other: str) -> tuple[int, bool, str]:
        shared = _common(other, region) if _geography(other) == _geography(region) else 0
        return -shared, other not in {"us-east-1", "us-central1"}, other

    return min(candidates, key=rank)


def spot_remark(rate: Rate) -> str:
    """What is said about an interruptible rate: only a published one is not an estimate."""
    return "spot" if rate.origin.kind == "listed" else "spot, estimated"


def tidy(number: Decimal) -> Decimal:
    """Rounded to 8 decimal places, without trailing zeros or exponent."""
    return Decimal(plain(number.quantize(_CENT_FRACTION), 8))


def _line(charge: Charge, usd: Decimal, cost: Decimal, text: str, note: str | None) -> Line:
    quantity, total = tidy(charge.quantity), tidy(cost)
    what, unit, period, basis = charge.what, charge.unit, charge.period, charge.basis
    return Line(what, quantity, unit, Decimal(_rate(usd)), total, period, basis, text, note)


def _join(parts: tuple[str, ...]) -> str:
    return " x ".join(parts)


def _rate(usd: Decimal) -> str:
    return plain(usd, 10)


def _geography(region: str) -> str:
    parts = region.split("-")
    return "-".join(parts[:2]) if parts[1:2] == ["gov"] else parts[0]


def _common(one: str, other: str) -> int:
    """How many leading characters two names share."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
