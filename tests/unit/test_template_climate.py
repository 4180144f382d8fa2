"""The numbers of the climate template, compared with an independent model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from climate_reference import TEMPLATE, YEARS, emissions_of, observed, reference, slope
from climate_study import Study, copy_template, run_study

from scalable_cli.manifest import open_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

SCENARIOS = ("high", "two-degrees", "net-zero-2050")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three scenarios, all sensitivities, with the machine's own awk."""
    manifest = open_manifest(TEMPLATE / "scalable.yaml", {}).resolve("local")
    folder = copy_template(tmp_path_factory.mktemp("study") / "climate")
    return run_study(manifest, folder, lambda values: values["scenario"] in SCENARIOS)


def test_annual_means_are_those_of_the_weekly_record(study: Study) -> None:
    annual = {int(row["year"]): float(row["co2_ppm"]) for row in study.rows("data/annual.csv")}

    assert annual == pytest.approx(observed(), abs=0.001)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_emissions_follow_the_history_and_then_the_row(study: Study, scenario: str) -> None:
    simulated = study.series(scenario, "3.0", "emissions_gtc")

    expected = {year: e for year, e in emissions_of(scenario).items() if year >= 1850}
    assert simulated == pytest.approx(expected, abs=0.0001)


@pytest.mark.parametrize(
    ("scenario", "ecs"), [("high", "4.8"), ("two-degrees", "3.0"), ("net-zero-2050", "1.9")]
)
def test_co2_and_warming_are_those_of_an_independent_model(
    study: Study, scenario: str, ecs: str
) -> None:
    expected = reference(scenario, float(ecs))

    co2 = study.series(scenario, ecs, "co2_ppm")
    warming = study.series(scenario, ecs, "temperature")
    assert co2 == pytest.approx({y: v for y, (v, _) in expected.items() if y >= 1850}, rel=0.002)
    assert warming == pytest.approx(
        {y: v for y, (_, v) in expected.items() if y >= 1850}, rel=0.01, abs=0.005
    )
    assert warming[2100] == pytest.approx(expected[2100][1], rel=0.005)


def test_the_fit_to_the_observed_years_is_right_and_close(study: Study) -> None:
    fit = {row["ecs"]: row for row in study.rows("results/fit.csv")}

    model = reference("high", 3.0)
    differences = [model[year][0] - co2 for year, co2 in observed().items()]
    rmse = math.sqrt(sum(d * d for d in differences) / len(differences))
    assert float(fit["3.0"]["rmse_ppm"]) == pytest.approx(rmse, abs=0.03)
    assert all(float(row["rmse_ppm"]) < 1.6 for row in fit.values())
    assert all(abs(float(row["bias_ppm"])) < 0.001 for row in fit.values())
    assert float(fit["3.0"]["observed_trend"]) == pytest.approx(slope(observed()), abs=0.001)
    co2 = study.series("high", "3.0", "co2_ppm")
    assert float(fit["3.0"]["trend_ppm_per_year"]) == pytest.approx(
        slope({year: co2[year] for year in YEARS}), abs=0.001
    )
    assert "1959-2001 (43 years)" in study.log


def test_a_year_outside_the_record_is_predicted(study: Study) -> None:
    co2 = study.series("high", "3.0", "co2_ppm")

    assert co2[2023] == pytest.approx(421.1, rel=0.01)  # Mauna Loa, 2023 (NOAA)


def test_warming_in_2100_is_in_the_range_of_the_reference(study: Study) -> None:
    last = {r["scenario"]: r for r in study.rows("results/summary.csv") if r["year"] == "2100"}

    for scenario in ("high", "net-zero-2050"):
        model = reference(scenario, 3.0)
        baseline = sum(model[year][1] for year in range(1850, 1901)) / 51
        middle = float(last[scenario]["warming_p50"])
        assert middle == pytest.approx(model[2100][1] - baseline, rel=0.02)
    assert 2 < float(last["high"]["warming_p05"]) < float(last["high"]["warming_p95"]) < 6
    low, high = (float(last["net-zero-2050"][f"warming_p{p}"]) for p in ("05", "95"))
    assert 0.5 < low < high < 2


def test_percentiles_are_those_of_the_members(study: Study) -> None:
    rows = [r for r in study.rows("results/summary.csv") if r["scenario"] == "two-degrees"]
    members = [
        study.series("two-degrees", path.stem[4:], "temperature")
        for path in (study.folder / "results" / "two-degrees").iterdir()
    ]

    assert {row["members"] for row in rows} == {str(len(members))} == {"11"}
    for row in rows[::50]:
        warmings = sorted(m[int(row["year"])] - mean_of(m, 1850, 1900) for m in members)
        assert float(row["warming_p50"]) == pytest.approx(warmings[5], abs=0.001)
        # Type 5: 0.05 x 11 + 0.5 = 1.05, so 5 % of the way from the first to the second.
        low = warmings[0] + 0.05 * (warmings[1] - warmings[0])
        assert float(row["warming_p05"]) == pytest.approx(low, abs=0.001)


def test_the_readme_has_the_numbers_of_a_run(study: Study) -> None:
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    text = (study.folder / "results" / "warming_2100.txt").read_text(encoding="utf-8")

    rows = [line for line in text.splitlines() if line.startswith(SCENARIOS)]
    assert len(rows) == len(SCENARIOS)
    assert [line for line in rows if line not in readme] == []


def mean_of(series: Mapping[int, float], first: int, last: int) -> float:
    return sum(series[year] for year in range(first, last + 1)) / (last + 1 - first)
