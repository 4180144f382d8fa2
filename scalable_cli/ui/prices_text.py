"""Price tables as text and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.ui.columns import align, clip, count_of
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.pricing.tables import Allowance, Row, TableInfo
    from scalable_cli.ui.terminal import Look

_HEADER = ("TABLE", "PROVIDER", "SERVICE", "ROWS", "DATE", "SHA-256", "SOURCE")
_WIDEST_SOURCE = 60


def tables_text(tables: Sequence[TableInfo], look: Look = PLAIN) -> str:
    """One row a table, with its date, digest and source."""
    rows = [
        (t.name, t.provider, t.service, f"{t.rows:,}", t.as_of, t.sha256[:12], t.source)
        for t in tables
    ]
    lines = align([_HEADER, *rows], right=(3,))
    width = look.columns
    shown = [clip(line, width) if width else line for line in lines]
    body = "".join(f"{line}\n" for line in (look.bold(shown[0]), *shown[1:]))
    return body + "\nShow one: scalable prices show TABLE --region REGION --item PATTERN\n"


def rows_text(about: TableInfo, rows: Sequence[Row], left: int, look: Look = PLAIN) -> str:
    """The rates of a table, then what was left out."""
    header = ["ITEM", "REGION", "FROM", "CAPACITY", "PRICE", "UNIT", "DATE", "KIND"]
    cells = [
        [
            row.item,
            row.region,
            row.tier,
            row.capacity,
            f"${row.text}" if row.usd is not None else row.text,
            row.unit,
            row.origin.as_of,
            row.origin.kind,
        ]
        for row in rows
    ]
    used = [i for i in range(len(header)) if any(row[i] for row in cells)]
    table = align([[row[i] for i in used] for row in (header, *cells)])
    lines = [look.bold(table[0]), *table[1:]] if rows else []
    if left:
        lines.append(f"and {count_of(left, 'more row')}; narrow it with --region and --item")
    sources = sorted({row.origin.source for row in rows} or {about.source})
    lines += [f"source: {source}" for source in sources]
    return "".join(f"{line}\n" for line in lines)


def allowances_text(allowances: Sequence[Allowance], look: Look = PLAIN) -> str:
    """What the providers do not charge."""
    header = ("CLOUD", "SERVICE", "ITEM", "FREE", "UNIT", "PERIOD", "FOR", "DATE")
    rows = [
        (a.cloud, a.service, a.item, a.amount, a.unit, a.period, a.eligibility, a.as_of)
        for a in allowances
    ]
    table = align([header, *rows])
    return "".join(f"{line}\n" for line in (look.bold(table[0]), *table[1:]))


def table_object(about: TableInfo) -> dict[str, object]:
    """A table's entry in JSON."""
    return {
        "name": about.name,
        "provider": about.provider,
        "service": about.service,
        "currency": about.currency,
        "rows": about.rows,
        "as_of": about.as_of,
        "dates": dict(about.dates),
        "source": about.source,
        "sha256": about.sha256,
    }


def row_object(row: Row) -> dict[str, object]:
    """A rate in JSON: `price` is a decimal string, or a word such as "tier1"."""
    return {
        "item": row.item,
        "region": row.region,
        "from": row.tier or None,
        "capacity": row.capacity or "on-demand",
        "price": row.text,
        "unit": row.unit,
        "as_of": row.origin.as_of,
        "kind": row.origin.kind,
        "source": row.origin.source,
        "note": row.origin.note or None,
    }
