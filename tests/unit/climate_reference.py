"""An independent climate model for the tests of the climate template.

The same equations as the template's, written as differential equations and integrated another
way: Runge-Kutta instead of exact steps, tables instead of Newton's method, bisection instead of
the secant method, dates instead of week numbers.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_left
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TEMPLATE = Path(__file__).resolve().parents[2] / "scalable_cli" / "templates" / "climate"
YEARS = range(1959, 2002)

A = (0.2173, 0.2240, 0.2824, 0.2763)
TAU = (394.4, 36.54, 4.304)
DOUBLING = 5.35 * math.log(2)
LOG_ALPHAS = [-5 + 0.004 * i for i in range(2000)]
RESPONSES = [
    100 * A[0]
    + sum(
        a * math.exp(x) * tau * -math.expm1(-100 / math.exp(x) / tau)
        for a, tau in zip(A[1:], TAU, strict=True)
    )
    for x in LOG_ALPHAS
]


@cache
def reference(scenario: str, ecs: float) -> dict[int, tuple[float, float]]:
    """CO2 and warming of one scenario, tuned by bisection to the observed mean."""
    emissions = emissions_of(scenario)
    wanted = sum(observed().values()) / len(YEARS)
    lower, upper = 25.0, 35.0
    for _ in range(12):
        r0 = (lower + upper) / 2
        past = integrated(emissions, ecs, r0, 2001)
        lower, upper = (
            (r0, upper) if sum(past[y][0] for y in YEARS) / len(YEARS) < wanted else (lower, r0)
        )
    return integrated(emissions, ecs, r0, 2100)


def integrated(
    emissions: Mapping[int, float], ecs: float, r0: float, last: int
) -> dict[int, tuple[float, float]]:
    """Yearly means of CO2 (ppm) and warming (K), by Runge-Kutta with four steps a year."""
    state = [0.0] * 7
    means = {}
    steps = 4
    for year in range(1750, last + 1):
        co2 = warming = 0.0
        for _ in range(steps):
            before = state
            state = runge_kutta(
                lambda s, rate=emissions[year]: rates(s, rate, ecs, r0), state, 1 / steps
            )
            co2 += 278 + (sum(before[:4]) + sum(state[:4])) / 2 / 2.123
            warming += (before[5] + state[5]) / 2
        means[year] = (co2 / steps, warming / steps)
    return means


def runge_kutta(
    slope: Callable[[list[float]], list[float]], state: list[float], dt: float
) -> list[float]:
    def moved(by: list[float], share: float) -> list[float]:
        return [s + share * dt * b for s, b in zip(state, by, strict=True)]

    k1 = slope(state)
    k2 = slope(moved(k1, 0.5))
    k3 = slope(moved(k2, 0.5))
    k4 = slope(moved(k3, 1))
    mean = [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True)]
    return moved(mean, 1)


def rates(state: Sequence[float], emitted: float, ecs: float, r0: float) -> list[float]:
    """The model of the template as differential equations: Millar 2017 and Geoffroy 2013."""
    *pools, total, warming, deep = state
    airborne = sum(pools)
    alpha = alpha_of(min(97.0, r0 + 0.019 * (total - airborne) + 4.165 * warming))
    forcing = 5.35 * math.log(1 + airborne / 2.123 / 278)
    flow = 0.73 * (warming - deep)
    decays = (0.0, *(m / alpha / tau for m, tau in zip(pools[1:], TAU, strict=True)))
    return [
        *(a * emitted - decay for a, decay in zip(A, decays, strict=True)),
        emitted,
        (forcing - DOUBLING / ecs * warming - flow) / 7.3,
        flow / 106,
    ]


def alpha_of(response: float) -> float:
    k = bisect_left(RESPONSES, response)
    share = (response - RESPONSES[k - 1]) / (RESPONSES[k] - RESPONSES[k - 1])
    return math.exp(LOG_ALPHAS[k - 1] + share * (LOG_ALPHAS[k] - LOG_ALPHAS[k - 1]))


@cache
def observed() -> dict[int, float]:
    """Annual means of the weekly record, its gaps filled in by date."""
    rows = read_csv(TEMPLATE / "data" / "co2_weekly_mauna_loa.csv")
    days = [date.fromisoformat(row["date"]).toordinal() for row in rows]
    known = [(day, float(row["co2"])) for day, row in zip(days, rows, strict=True) if row["co2"]]
    weeks: dict[int, list[float]] = {}
    for day in days:
        k = min(max(bisect_left(known, (day, 0.0)), 1), len(known) - 1)
        (day0, co2_0), (day1, co2_1) = known[k - 1], known[k]
        filled = co2_0 + (co2_1 - co2_0) * (day - day0) / (day1 - day0)
        weeks.setdefault(date.fromordinal(day).year, []).append(filled)
    return {year: sum(values) / len(values) for year, values in weeks.items() if year in YEARS}


def emissions_of(scenario: str) -> dict[int, float]:
    history = read_csv(TEMPLATE / "data" / "emissions_history.csv")
    points = [(int(r["year"]), float(r["fossil_gtc"]) + float(r["land_use_gtc"])) for r in history]
    emissions = {
        year: e0 + (e1 - e0) * (year - y0) / (y1 - y0)
        for (y0, e0), (y1, e1) in pairwise(points)
        for year in range(y0, y1 + 1)
    }
    row = next(r for r in read_csv(TEMPLATE / "data/scenarios.csv") if r["scenario"] == scenario)
    growth, floor = 1 + float(row["growth_percent"]) / 100, float(row["floor_gtc"])
    peak, zero = int(row["peak_year"]), int(row["zero_year"])
    for year in range(2024, 2101):
        top = emissions[2023] * growth ** (min(year, peak) - 2023)
        fall = max(0.0, (year - peak) / (zero - peak))
        emissions[year] = top if year <= peak else max(floor, top * (1 - fall))
    return emissions


def slope(series: Mapping[int, float]) -> float:
    """Of the least-squares line, in units a year."""
    year, value = sum(series) / len(series), sum(series.values()) / len(series)
    products = sum((y - year) * (v - value) for y, v in series.items())
    return products / sum((y - year) ** 2 for y in series)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
