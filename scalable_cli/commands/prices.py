"""List and show the price tables that plan uses. No connection is made.

Usage:
  scalable prices list [options]
  scalable prices show TABLE [options]

Arguments:
  TABLE  A table's name, as scalable prices list shows it.

Options:
  --region=NAME   Only this region.
  --item=PATTERN  Only items like this: m5.xlarge, 'm5.*', '*memory*'.
  --all           Every row; without it the first 50.

Examples:
  scalable prices list
  scalable prices show aws_ec2 --region us-east-1 --item 'm5.*'

Exit codes:
  0  Shown.
  2  There is no such table, or it has no such region or item.
  4  The tables of this installation cannot be read.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from scalable_cli.arguments import closest
from scalable_cli.errors import Exit, UsageError
from scalable_cli.pricing import open_prices
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.prices_text import (
    allowances_text,
    row_object,
    rows_text,
    table_object,
    tables_text,
)
from scalable_cli.ui.terminal import look_of

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.pricing import PriceBook

_FIRST = 50


def main(args: Arguments, host: Host) -> Exit:
    """List the tables, or show one."""
    book = open_prices()
    name = args.text("TABLE")
    host.out.write(_list(book, args, host) if name is None else _show(book, name, args, host))
    return Exit.OK


def _list(book: PriceBook, args: Arguments, host: Host) -> str:
    if args.flag("--json"):
        tables = [table_object(about) for about in book.tables()]
        return json_text({"schema": "scalable.prices/1", "tables": tables})
    return tables_text(book.tables(), look_of(host.out, host.environ))


def _show(book: PriceBook, name: str, args: Arguments, host: Host) -> str:
    names = [about.name for about in book.tables()]
    if name not in names:
        close = closest(name, names)
        hint = f'did you mean "{close}"?' if close else "scalable prices list"
        raise UsageError(f'there is no price table "{name}"', hint=hint)
    table = book.table(name)
    look = look_of(host.out, host.environ)
    rows = list(table.rows(region=args.text("--region"), item=args.text("--item")))
    allowances = tuple(table.allowances())
    if args.flag("--json"):
        found = [row_object(row) for row in rows]
        shown = {**table_object(table.about), "rates": found}
        return json_text({"schema": "scalable.price-table/1", **shown})
    if allowances:
        return allowances_text(allowances, look)
    if not rows:
        wanted = " ".join(f'"{v}"' for v in (args.text("--item"), args.text("--region")) if v)
        raise UsageError(f'"{name}" has no price for {wanted}', hint=f"scalable prices show {name}")
    most = len(rows) if args.flag("--all") else _FIRST
    return rows_text(table.about, list(islice(rows, most)), max(0, len(rows) - most), look)
