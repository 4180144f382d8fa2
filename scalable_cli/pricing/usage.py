"""What the user says, and what earlier runs showed, about how much a run uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Usage:
    """Declared amounts; None where nothing is declared.

    `hours` is how long all workers are up. Amounts are in the clouds' GB, which are 2^30
    bytes. `image_gb` is the size of the images that a registry keeps for the run.
    """

    hours: Decimal | None = None
    workers: int | None = None
    output_gb: Decimal | None = None
    transfer_gb: Decimal | None = None
    spot: bool | None = None
    image_gb: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """The mean duration of a step of a task, in seconds, over `count` steps."""

    seconds: Decimal
    count: int
