"""Amounts of money as people and as programs read them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
_MICRO = Decimal("0.000001")
_SIGNS = {"USD": "$"}


def show_money(amount: Decimal | None, currency: str = "USD") -> str:
    """Two decimals, half up: "$1,234.50"; less than half a cent is "<$0.01", None "unknown"."""
    if amount is None:
        return "unknown"
    cents = amount.quantize(CENT, ROUND_HALF_UP)
    if not cents and amount > 0:
        return f"<{_with_currency(CENT, currency)}"
    return _with_currency(cents, currency)


def money_text(amount: Decimal | None) -> str | None:
    """A plain decimal with two to six decimals for JSON: "5.77", "0.90", "0.004445"."""
    if amount is None:
        return None
    cents = amount.quantize(CENT)
    return str(cents) if cents == amount else decimal_text(amount.quantize(_MICRO, ROUND_HALF_UP))


def decimal_text(number: Decimal) -> str:
    """A plain decimal without exponent and without trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _with_currency(amount: Decimal, currency: str) -> str:
    sign = _SIGNS.get(currency)
    return f"{sign}{amount:,}" if sign else f"{amount:,} {currency}"
