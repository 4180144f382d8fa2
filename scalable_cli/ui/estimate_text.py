"""An estimate as text: one line a cost, with its formula and its basis."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from scalable_cli.model.estimate import BasisKind, Period, What
from scalable_cli.model.units import show_duration
from scalable_cli.ui.columns import count_of
from scalable_cli.ui.money import show_money
from scalable_cli.ui.places import place_of
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.estimate import Basis, Estimate, Line
    from scalable_cli.model.manifest import Target
    from scalable_cli.ui.terminal import Look

_NAMES = {
    What.COMPUTE: "Compute",
    What.MEMORY: "Memory",
    What.HEAD: "Head",
    What.INSTANCE: "Instance",
    What.GPU: "GPU",
    What.EPHEMERAL_STORAGE: "Disk",
    What.PUBLIC_IPV4: "IPv4",
    What.VOLUME: "Volume",
    What.CONTROL_PLANE: "Control",
    What.REQUESTS: "Requests",
    What.EGRESS: "Transfer",
    What.STORAGE: "Storage",
}
_FORMULA = 54  # columns, so that estimates of one project look alike
_LEAST_FORMULA = 30
_COST = 5
_NOTE = 100


@dataclass(frozen=True, slots=True)
class _Row:
    """The four columns of a line."""

    name: str
    cost: str
    text: str
    basis: str


def estimate_text(estimate: Estimate, target: Target, look: Look = PLAIN) -> str:
    """The cost block: header, once-only costs, total, monthly costs, notes."""
    notes = "".join(f"{look.dim(line)}\n" for note in estimate.notes for line in _note(note, look))
    if is_free(estimate):
        return f"Cost      no charge on target '{target.name}' ({place_of(target)})\n{notes}"
    once = [line for line in estimate.lines if line.period is Period.ONCE]
    monthly = [line for line in estimate.lines if line.period is Period.MONTH]
    rows = [_row(line, estimate.currency) for line in once]
    total = _total(estimate)
    after = [total, *(_monthly(line, estimate.currency) for line in monthly)]
    block = _Block.of([*rows, *after], look)
    head = f"Cost estimate for target '{target.name}' ({place_of(target)})"
    priced = f"prices {estimate.priced_on}" if estimate.priced_on else ""
    prices_at = min(block.basis_at, (look.columns or block.basis_at + len(priced)) - len(priced))
    gap = " " * max(2, prices_at - len(head))
    lines = [f"{look.bold(head)}{gap}{look.dim(priced)}".rstrip()]
    lines += [block.line(row) for row in rows]
    lines.append(look.dim("  " + "-" * (block.basis_at - 4)))
    lines += [block.line(row, strong=row is total) for row in after]
    return "".join(f"{line}\n" for line in lines) + notes


def time_text(estimate: Estimate) -> str:
    """How long: "about 32 min with 8 workers (declared)"."""
    if estimate.time.basis.kind is BasisKind.UNKNOWN:
        return "unknown"
    if not estimate.time.seconds:
        return "nothing to run"
    duration = show_duration(estimate.time.seconds)
    workers = count_of(estimate.workers, "worker")
    return f"about {duration} with {workers} ({_basis(estimate.time.basis)})"


def _basis(basis: Basis) -> str:
    """The basis where brackets of its own would be too many: "observed in 24 steps"."""
    counted = basis.kind is BasisKind.OBSERVED and basis.count is not None
    return f"observed in {count_of(basis.count or 0, 'step')}" if counted else str(basis)


def total_text(estimate: Estimate) -> str:
    """The once-only cost: "$5.77", "no charge", "at least $3.10 (1 price unknown)"."""
    if is_free(estimate):
        return "no charge"
    money = show_money(estimate.total, estimate.currency)
    if not estimate.incomplete:
        return money
    unknown = sum(1 for line in estimate.lines if line.cost is None)
    return f"at least {money} ({count_of(unknown, 'price')} unknown)"


def monthly_text(estimate: Estimate) -> str:
    """The monthly cost: "$1.15", "-" where nothing is kept for money."""
    lines = [line for line in estimate.lines if line.period is Period.MONTH]
    if not lines:
        return "-"
    unknown = any(line.cost is None for line in lines)
    if unknown and not estimate.monthly:
        return "unknown"
    return ("at least " if unknown else "") + show_money(estimate.monthly, estimate.currency)


def is_free(estimate: Estimate) -> bool:
    """Whether the target charges nothing at all."""
    charged = any(line.basis.kind is not BasisKind.NO_CHARGE for line in estimate.lines)
    return not charged and not estimate.total


@dataclass(frozen=True, slots=True)
class _Block:
    """The widths of the columns of one estimate."""

    name: int
    cost: int
    text: int
    look: Look

    @classmethod
    def of(cls, rows: Sequence[_Row], look: Look) -> _Block:
        name = max(8, *(len(row.name) for row in rows))
        cost = max(_COST, *(len(row.cost) for row in rows if row.text))
        text = max(_FORMULA, *(len(row.text) for row in rows if row.basis), 0)
        if look.columns is not None:
            room = look.columns - (name + cost + 9) - max(len(row.basis) for row in rows)
            longest = max((len(row.text) for row in rows if row.basis), default=0)
            text = min(text, max(_LEAST_FORMULA, longest if longest < room else room))
        return cls(name, cost, text, look)

    @property
    def basis_at(self) -> int:
        """The column where the bases begin."""
        return 2 + self.name + 2 + self.cost + 3 + self.text + 2

    def line(self, row: _Row, *, strong: bool = False) -> str:
        """A line with its columns aligned; a formula that is too long goes on below."""
        head = f"  {row.name:<{self.name}}  {row.cost:<{self.cost}}"
        wraps = self.look.columns is not None and len(row.text) > self.text
        first, *more = wrap(row.text, self.text) if wraps else [row.text]
        text = f"   {first:<{self.text}}" if first else ""
        painted = self.look.bold(head) if strong else head
        below = (" " * (len(head) + 3) + part for part in more)
        return "\n".join([f"{painted}{text}  {self.look.dim(row.basis)}".rstrip(), *below])


def _row(line: Line, currency: str) -> _Row:
    return _Row(_NAMES[line.what], show_money(line.cost, currency), line.formula, str(line.basis))


def _note(note: str, look: Look) -> list[str]:
    width = look.columns or _NOTE
    return wrap(f"note: {note}", width, initial_indent="  ", subsequent_indent=" " * 8)


def _monthly(line: Line, currency: str) -> _Row:
    text = f"a month, {line.formula}"
    return _Row(_NAMES[line.what], show_money(line.cost, currency), text, "")


def _total(estimate: Estimate) -> _Row:
    if estimate.incomplete:
        return _Row("Total", total_text(estimate), "", "")
    return _Row("Total", show_money(estimate.total, estimate.currency), "one-time", "")
