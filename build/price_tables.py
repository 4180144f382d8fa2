"""The text of a price table, and its entry in the index; the form is in pricing_data/README.md."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from price_facts import FREE_COLUMNS, Fact, layout_of, tier_order

from scalable_cli.pricing.tables import ALLOWANCES, INSTANCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scalable_cli.pricing.tables import Origin


def encode(name: str, facts: list[Fact]) -> tuple[str, dict[str, object]]:
    """The text of a table and its entry in the index."""
    layout = layout_of(name)
    if layout == ALLOWANCES:
        return encode_free(name, facts)
    counts = Counter(origin for fact in facts for origin in fact.origins)
    names = {origin: letters(i) for i, (origin, _) in enumerate(ranked(counts))}
    rated = [fact.origins[0] for fact in facts if "tier" not in fact.key[:2]]
    first = Counter(origin for origin in rated if origin.kind == "listed")
    main_origin = ranked(first or counts)[0][0]
    regions = sorted({fact.region for fact in facts})
    keys = (
        ("type", "vcpus", "memory_gib", "arch", "gpu", "gpus", "origin", "spot_origin")
        if layout == INSTANCES
        else ("item", "unit", "from", "to", "origin")
    )
    lines = [
        *head(name, layout, main_origin.as_of, main_origin.source),
        *(
            "\t".join(("origin", n, o.kind, o.as_of, o.source, o.note)).rstrip("\t")
            for o, n in names.items()
        ),
        "\t".join(("columns", *keys, *regions)),
        "",
        *body(facts, names, regions, rates=2 if layout == INSTANCES else 1),
    ]
    dates = Counter(fact.origins[0].as_of for fact in facts)
    return entry(name, layout, lines, dates=dates, rows=len(facts))


def body(
    facts: list[Fact], names: dict[Origin, str], regions: list[str], *, rates: int
) -> Iterator[str]:
    """One line a key; a cell says where it comes from only if that is not the line's origin."""
    groups: dict[tuple[str, ...], dict[str, Fact]] = defaultdict(dict)
    for fact in sorted(facts, key=tier_order if rates == 1 else lambda fact: fact.key):
        groups[fact.key][fact.region] = fact
    for key, cells in groups.items():
        usual = []
        for i in range(rates):
            counts = Counter(f.origins[i] for f in cells.values() if i < len(f.origins))
            usual.append(names[ranked(counts)[0][0]] if counts else "")
        row = [cell(cells.get(region), usual, names) for region in regions]
        yield "\t".join((*key, *usual, *row)).rstrip("\t")


def cell(fact: Fact | None, usual: list[str], names: dict[Origin, str]) -> str:
    """ "0.0897", "0.0897/0.0345", with the origin's letters after a rate where they differ."""
    if fact is None:
        return ""
    parts = []
    for text, origin, default in zip(fact.rates, fact.origins, usual, strict=False):
        parts.append(text if names[origin] == default else f"{text}:{names[origin]}")
    return "/".join(parts)


def ranked(counts: Counter[Origin]) -> list[tuple[Origin, int]]:
    """Most frequent first; ties in a fixed order, so that equal facts give equal bytes."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))


def letters(number: int) -> str:
    """a, b, … z, ba, bb, …"""
    return (letters(number // 26) if number >= 26 else "") + chr(97 + number % 26)


def encode_free(name: str, facts: list[Fact]) -> tuple[str, dict[str, object]]:
    """The allowances; each row keeps its own date and source."""
    dates = Counter(fact.key[8] for fact in facts)
    lines = [
        *head(name, ALLOWANCES, max(dates), "one source a row"),
        "\t".join(("columns", *FREE_COLUMNS)),
        "",
        *("\t".join(fact.key) for fact in sorted(facts, key=lambda fact: fact.key)),
    ]
    return entry(name, ALLOWANCES, lines, dates=dates, rows=len(facts))


def head(name: str, layout: str, as_of: str, source: str) -> Iterable[str]:
    """The first lines of a table."""
    yield f"table\t{name}"
    yield f"layout\t{layout}"
    yield "currency\tUSD"
    yield f"as_of\t{as_of}"
    yield f"source\t{source}"


def entry(
    name: str, layout: str, lines: list[str], *, dates: Counter[str], rows: int
) -> tuple[str, dict[str, object]]:
    """The text of a table, and what the index says about it."""
    text = "\n".join(lines) + "\n"
    provider, _, service = name.partition("_")
    return text, {
        "name": name,
        "provider": "all" if name == "free_tier" else provider,
        "service": name if name == "free_tier" else service,
        "layout": layout,
        "currency": "USD",
        "rows": rows,
        "as_of": lines[3].partition("\t")[2],
        "dates": dict(sorted(dates.items())),
        "source": lines[4].partition("\t")[2],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
