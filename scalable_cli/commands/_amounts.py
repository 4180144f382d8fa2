"""The options about money and amounts, as values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scalable_cli.arguments import parse_amount
from scalable_cli.errors import RefusedError, UsageError
from scalable_cli.pricing import Usage
from scalable_cli.ui.estimate_text import total_text
from scalable_cli.ui.money import show_money

if TYPE_CHECKING:
    from decimal import Decimal

    from scalable_cli.arguments import Arguments
    from scalable_cli.model.estimate import Estimate

USAGE_OPTIONS = ("--hours", "--workers", "--output-gb", "--transfer-gb", "--spot")
_BUDGET = re.compile(r"\$?\s*([0-9.]+)\s*(?:USD)?", re.IGNORECASE)


def read_usage(args: Arguments) -> Usage:
    """What the user says about the amounts of the run; None where nothing is said."""
    return Usage(
        hours=args.decimal("--hours"),
        workers=args.integer("--workers"),
        output_gb=args.decimal("--output-gb"),
        transfer_gb=args.decimal("--transfer-gb"),
        spot=True if args.flag("--spot") else None,
    )


def read_budget(args: Arguments, of_project: Decimal | None) -> Decimal | None:
    """The budget in USD: the option ("25", "25USD", "$25"), else the project's."""
    text = args.text("--budget")
    if text is None:
        return of_project
    match = _BUDGET.fullmatch(text.strip())
    amount = parse_amount(match[1]) if match else None
    if amount is None:
        raise UsageError(f'--budget must be like 25 or 25USD, not "{text}"')
    return amount


def check_budget(estimate: Estimate, budget: Decimal | None) -> None:
    """Refuse an estimate above the budget."""
    if budget is None or estimate.total <= budget:
        return
    text = f"the estimate of {total_text(estimate)} is above the budget of {show_money(budget)}"
    hint = "scalable plan --sweep workers=1,2,4,8 shows what other sizes cost"
    raise RefusedError(text, hint=hint)
