"""What a run will cost and how long it will take: price tables and the estimate. No socket."""

from __future__ import annotations

from scalable_cli.pricing.estimate import estimate
from scalable_cli.pricing.tables import PriceBook, open_prices
from scalable_cli.pricing.usage import Observed, Usage

__all__ = ["Observed", "PriceBook", "Usage", "estimate", "open_prices"]
