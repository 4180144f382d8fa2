"""The price tables: found, read when first asked, and looked up. Own format, one file a service.

The format is described in pricing_data/README.md. A rate that no table has is None, never 0.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scalable_cli.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

RATES, INSTANCES, ALLOWANCES = "rates", "instances", "allowances"
_KEYS = {RATES: 5, INSTANCES: 8, ALLOWANCES: 10}


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What the index says about a table; `dates` counts its rows by date."""

    name: str
    provider: str
    service: str
    layout: str
    currency: str
    rows: int
    as_of: str
    dates: tuple[tuple[str, int], ...]
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a rate comes from; `kind` is listed, observed or derived."""

    kind: str
    as_of: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """A price in USD per unit."""

    usd: Decimal
    unit: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Tier:
    """A rate that holds from `start` up to `end` units a month; None is without end."""

    start: Decimal
    end: Decimal | None
    rate: Rate


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine type; `gpus` is None when the source does not say how many."""

    name: str
    vcpus: Decimal
    memory_gib: Decimal
    arch: str
    gpu: str
    gpus: Decimal | None


@dataclass(frozen=True, slots=True)
class Row:
    """One rate of a table as `prices show` lists it; `usd` is None for a word such as tier1.

    `capacity` is "spot" for a machine's spot rate; `tier` is where the tier begins.
    """

    item: str
    region: str
    tier: str
    capacity: str
    usd: Decimal | None
    text: str
    unit: str
    origin: Origin

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What the rate is about."""
        return self.item, self.region, self.tier, self.capacity


@dataclass(frozen=True, slots=True)
class Allowance:
    """Something a provider does not charge; `amount` is a number or "unlimited"."""

    cloud: str
    service: str
    item: str
    amount: str
    unit: str
    period: str
    scope: str
    eligibility: str
    as_of: str
    source: str


class Folder(Protocol):
    """Where the tables lie."""

    def __call__(self, name: str) -> bytes:
        """The bytes of the file `name`; raises OSError."""


class PriceTable:
    """One table: its text, and the lines that were asked for so far."""

    def __init__(self, about: TableInfo, text: str) -> None:
        head, _, self._body = text.partition("\n\n")
        self._body = "\n" + self._body
        self.about = about
        self._origins: dict[str, Origin] = {}
        self._lines: dict[str, list[list[str]]] = {}
        self._machines: tuple[Machine, ...] | None = None
        self._texts: dict[str, str] = {}
        for line in head.splitlines():
            word, *rest = line.split("\t")
            if word == "origin":
                self._origins[rest[0]] = Origin(*rest[1:])
            elif word == "columns":
                self._regions = {name: i for i, name in enumerate(rest) if i >= _KEYS[about.layout]}

    def rate(self, item: str, region: str) -> Rate | None:
        """The rate of an item without tiers, or of its first tier."""
        tiers = self.tiers(item, region)
        return tiers[0].rate if tiers else None

    def tiers(self, item: str, region: str) -> tuple[Tier, ...]:
        """The rates of an item, lowest tier first; none when there is no price."""
        found = []
        for line in self._find(item):
            if cell := self._cell(line, region):
                start, end = line[2:4]
                rate = self._rate(cell, line[1], line[4])
                found.append(Tier(Decimal(start or 0), Decimal(end) if end else None, rate))
        return tuple(found)

    def word(self, item: str, region: str) -> str | None:
        """The word that an item has in a region ("tier1"), if it has one."""
        lines = self._find(item)
        return self._cell(lines[0], region).partition(":")[0] or None if lines else None

    def regions_of(self, item: str, *, spot: bool = False) -> tuple[str, ...]:
        """The regions in which an item or a machine type has a price."""
        lines = self._find(item)
        cells = ((name, self._cell(lines[0], name)) for name in self._regions) if lines else ()
        return tuple(name for name, cell in cells if cell and (not spot or "/" in cell))

    def machine(self, name: str) -> Machine | None:
        """A machine type, wherever it is sold."""
        lines = self._find(name)
        return _machine(lines[0]) if lines else None

    def machine_rate(self, name: str, region: str, *, spot: bool = False) -> Rate | None:
        """The price of a machine an hour."""
        lines = self._find(name)
        if not lines:
            return None
        on_demand, _, interruptible = self._cell(lines[0], region).partition("/")
        cell = interruptible if spot else on_demand
        return self._rate(cell, "hour", lines[0][7 if spot else 6]) if cell else None

    def machines(self) -> tuple[Machine, ...]:
        """Every machine type of the table."""
        if self._machines is None:
            texts = self._body.strip("\n").split("\n")
            self._texts = {text.partition("\t")[0]: text for text in texts}
            self._machines = tuple(_machine(text.split("\t", 6)) for text in texts)
        return self._machines

    def rows(self, *, region: str | None = None, item: str | None = None) -> Iterator[Row]:
        """Every rate, optionally of one region and of the items that match a glob pattern."""
        for text in self._body.strip("\n").split("\n"):
            line = text.split("\t")
            if item is None or fnmatchcase(line[0], item):
                for name in self._regions if region is None else (region,):
                    yield from self._rows(line, name)

    def allowances(self) -> Iterator[Allowance]:
        """What is free; only the table `free_tier` has any."""
        if self.about.layout == ALLOWANCES:
            for text in self._body.strip("\n").split("\n"):
                yield Allowance(*text.split("\t"))

    def _rows(self, line: list[str], region: str) -> Iterator[Row]:
        instances = self.about.layout == INSTANCES
        usual = line[6:8] if instances else line[4:5]
        unit, tier = ("hour", "") if instances else (line[1], line[2])
        cells = self._cell(line, region).split("/")
        for cell, origin, capacity in zip(cells, usual, ("", "spot"), strict=False):
            text, _, other = cell.partition(":")
            if text:
                usd = None if unit == "tier" else Decimal(text)
                where = self._origins[other or origin]
                yield Row(line[0], region, tier, capacity, usd, text, unit, where)

    def _find(self, item: str) -> list[list[str]]:
        """The lines of an item, each split at tabs."""
        if item not in self._lines:
            known = self._texts.get(item)
            texts = self._search(item) if known is None else (known,)
            self._lines[item] = [text.split("\t") for text in texts]
        return self._lines[item]

    def _search(self, item: str) -> Iterator[str]:
        """The lines that begin with `item`, which are neighbours."""
        start = self._body.find(f"\n{item}\t")
        while start >= 0 and self._body.startswith(f"\n{item}\t", start):
            end = self._body.find("\n", start + 1)
            yield self._body[start + 1 : end]
            start = end

    def _cell(self, line: list[str], region: str) -> str:
        column = self._regions.get(region)
        return line[column] if column is not None and column < len(line) else ""

    def _rate(self, cell: str, unit: str, usual: str) -> Rate:
        text, _, other = cell.partition(":")
        return Rate(Decimal(text), unit, self._origins[other or usual])


class PriceBook:
    """All price tables; each is read and checked against its digest when first asked for."""

    def __init__(self, read: Folder) -> None:
        self._read = read
        self._index: dict[str, TableInfo] | None = None
        self._tables: dict[str, PriceTable] = {}

    def tables(self) -> tuple[TableInfo, ...]:
        """What there is, by name; raises SetupError when the index cannot be read."""
        if self._index is None:
            try:
                entries = json.loads(self._read("index.json"))["tables"]
            except (OSError, ValueError, KeyError) as error:
                raise SetupError(
                    "the price tables cannot be read", hint="reinstall scalable"
                ) from error
            self._index = {e["name"]: _info(e) for e in entries}
        return tuple(self._index.values())

    def table(self, name: str) -> PriceTable:
        """The table called `name`; raises KeyError, or SetupError when the file is damaged."""
        if name not in self._tables:
            about = {info.name: info for info in self.tables()}[name]
            try:
                content = self._read(f"{name}.tsv")
            except OSError as error:
                raise SetupError(f'the price table "{name}" cannot be read: {error}') from error
            if hashlib.sha256(content).hexdigest() != about.sha256:
                raise SetupError(
                    f'the price table "{name}" is not the one in the index',
                    hint="import it again with build/import_prices",
                )
            self._tables[name] = PriceTable(about, content.decode())
        return self._tables[name]


def open_prices(folder: Path | None = None) -> PriceBook:
    """The tables in `folder`, else those of this installation; nothing is read yet."""
    return PriceBook(_reader(folder) if folder else _installed())


def _installed() -> Folder:
    """Tables inside the package (wheel, frozen app, zipapp), else beside it (checkout)."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "pricing_data", package.parent / "pricing_data"):
        if (folder / "index.json").is_file():
            return _reader(folder)

    def from_archive(name: str) -> bytes:
        import pkgutil

        return pkgutil.get_data("scalable_cli", f"pricing_data/{name}") or b""

    return from_archive


def _reader(folder: Path) -> Folder:
    return lambda name: (folder / name).read_bytes()


def _info(entry: dict[str, object]) -> TableInfo:
    dates = entry["dates"]
    assert isinstance(dates, dict)
    return TableInfo(**{**entry, "dates": tuple(dates.items())})  # type: ignore[arg-type]


def _machine(line: list[str]) -> Machine:
    name, vcpus, memory, arch, gpu, gpus = line[:6]
    count = Decimal(gpus) if gpus else None if gpu else Decimal(0)
    return Machine(name, Decimal(vcpus), Decimal(memory), arch, gpu, count)
