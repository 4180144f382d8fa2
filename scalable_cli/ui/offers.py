"""Plans side by side: targets compared, and one target with other settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import BasisKind
from scalable_cli.model.units import show_duration
from scalable_cli.ui.columns import count_of
from scalable_cli.ui.estimate_text import is_free, monthly_text
from scalable_cli.ui.money import money_text, show_money
from scalable_cli.ui.places import place_of, service_of
from scalable_cli.ui.plan_json import target_object, time_object
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from scalable_cli.model.estimate import Estimate
    from scalable_cli.model.manifest import Target
    from scalable_cli.ui.terminal import Look


_LEAST_TELLING = ("BASIS", "REGION", "A MONTH")


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to run: where, with which settings, what it costs; or why it cannot be."""

    target: Target
    to_run: int
    estimate: Estimate | None
    settings: tuple[tuple[str, str], ...] = ()
    problem: str | None = None


def compare_text(offers: Sequence[Offer], look: Look = PLAIN) -> str:
    """A table of the targets."""
    rows = [
        {
            "TARGET": offer.target.name,
            "SERVICE": service_of(offer.target) + (" spot" if offer.target.spot else ""),
            "REGION": offer.target.region or "-",
            "RUN": f"{offer.to_run:,}",
            **_figures(offer),
        }
        for offer in offers
    ]
    if len({offer.to_run for offer in offers}) == 1:
        for row in rows:
            del row["RUN"]
    return _screen("Targets", offers, rows, look)


def sweep_text(offers: Sequence[Offer], look: Look = PLAIN) -> str:
    """A table of one target with other settings."""
    target = offers[0].target
    names = [name.upper() for name, _ in offers[0].settings]
    rows = [
        {**_figures(offer), **{name.upper(): value for name, value in offer.settings}}
        for offer in offers
    ]
    order = [*names, *(name for name in rows[0] if name not in names)]
    rows = [{name: row[name] for name in order} for row in rows]
    return _screen(f"Sweep of target '{target.name}' ({place_of(target)})", offers, rows, look)


def offers_object(schema: str, offers: Sequence[Offer]) -> dict[str, object]:
    """The JSON form of either table."""
    return {"schema": schema, "offers": [_offer(offer) for offer in offers]}


def _offer(offer: Offer) -> dict[str, object]:
    estimate = offer.estimate
    return {
        **target_object(offer.target),
        "spot": offer.target.spot is not None,
        "settings": dict(offer.settings),
        "to_run": offer.to_run,
        "time": time_object(estimate) if estimate else None,
        "currency": estimate.currency if estimate else None,
        "total": money_text(estimate.total) if estimate else None,
        "monthly": money_text(estimate.monthly) if estimate else None,
        "incomplete": estimate.incomplete if estimate else None,
        "basis": str(estimate.basis) if estimate else None,
        "problem": offer.problem,
    }


def _figures(offer: Offer) -> dict[str, str]:
    estimate = offer.estimate
    if estimate is None:
        return dict.fromkeys(("WORKERS", "TIME", "COST", "A MONTH", "BASIS"), "-")
    known = estimate.time.basis.kind is not BasisKind.UNKNOWN
    money = show_money(estimate.total, estimate.currency)
    money = f"at least {money}" if estimate.incomplete else money
    return {
        "WORKERS": f"{estimate.workers:,}",
        "TIME": show_duration(estimate.time.seconds) if known else "unknown",
        "COST": "no charge" if is_free(estimate) else money,
        "A MONTH": monthly_text(estimate),
        "BASIS": str(estimate.basis if not is_free(estimate) else estimate.time.basis),
    }


def _marks(offers: Sequence[Offer]) -> list[str]:
    """What stands out: "cheapest", "fastest", what is not known, what is not possible."""
    cheapest = _least([_cost(offer) for offer in offers])
    fastest = _least([_seconds(offer) for offer in offers])
    marks = []
    for i, offer in enumerate(offers):
        words = [word for word, best in (("cheapest", cheapest), ("fastest", fastest)) if i == best]
        if offer.estimate is not None and offer.estimate.incomplete:
            unknown = sum(1 for line in offer.estimate.lines if line.cost is None)
            words.append(f"{count_of(unknown, 'price')} unknown")
        marks.append("not possible" if offer.problem else ", ".join(words))
    return marks


def _cost(offer: Offer) -> Decimal | None:
    known = offer.estimate is not None and not offer.estimate.incomplete
    return offer.estimate.total if offer.estimate is not None and known else None


def _seconds(offer: Offer) -> Decimal | None:
    return None if offer.estimate is None else offer.estimate.time.seconds


def _least(numbers: Sequence[Decimal | None]) -> int | None:
    """The place of the one smallest number; None where there is no such."""
    known = [number for number in numbers if number is not None]
    if len(known) < 2 or known.count(min(known)) > 1:
        return None
    return numbers.index(min(known))


def _screen(title: str, offers: Sequence[Offer], rows: Sequence[dict[str, str]], look: Look) -> str:
    """The title with the number of steps, the table, and why some rows are not possible."""
    steps = count_of(offers[0].to_run, "step")
    marked = [{**row, "": mark} for row, mark in zip(rows, _marks(offers), strict=True)]
    problems = dict.fromkeys(offer.problem for offer in offers if offer.problem)
    first, *others = _fitting(marked, look.columns)
    lines = [f"{look.bold(title)}: {steps} to run", "", look.bold(first), *others]
    lines += [look.dim(f"  not possible: {problem}") for problem in problems]
    return "".join(f"{line}\n" for line in lines)


def _fitting(rows: Sequence[dict[str, str]], columns: int | None) -> list[str]:
    """The table; on a narrow terminal without the columns that tell least."""
    lines = _table(rows)
    for name in _LEAST_TELLING:
        if columns is None or max(len(line) for line in lines) <= columns:
            break
        rows = [{key: value for key, value in row.items() if key != name} for row in rows]
        lines = _table(rows)
    return lines


def _table(rows: Sequence[dict[str, str]]) -> list[str]:
    import tabulate

    tabulate.MIN_PADDING = 0  # else every header is two wider than its text
    names = [name for name in rows[0] if any(row[name] not in ("", "-") for row in rows)]
    words = {"TARGET", "SERVICE", "REGION", "TIME", "COST", "A MONTH", "BASIS", ""}
    text = tabulate.tabulate(
        [[row[name] for name in names] for row in rows],
        names,
        tablefmt="plain",
        disable_numparse=True,
        colalign=["left" if name in words else "right" for name in names],
    )
    return [line.rstrip() for line in text.split("\n")]
