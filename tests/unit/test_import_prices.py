"""`build/import_prices`: what it accepts, what it refuses, and that it writes all or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scalable_cli.pricing import open_prices

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).resolve().parents[2] / "build" / "import_prices"
FARGATE = (
    "region,arch,capacity,usd_per_vcpu_hour,usd_per_gb_hour,"
    "usd_per_ephemeral_gb_hour_over_20gb,as_of,source,kind"
)
EC2 = (
    "instance_type,vcpus,memory_gib,arch,gpu_name,gpu_count,region,on_demand_usd_hour,"
    "spot_usd_hour,as_of,source,spot_as_of,spot_source"
)
GCE = (
    "machine_type,vcpus,memory_gib,arch,gpu_name,gpu_count,region,on_demand_usd_hour,"
    "spot_usd_hour,as_of,source"
)
OTHER = "item,region,usd,unit,tier_from,tier_to,as_of,source"
GOOGLE = f"{OTHER},note"
FREE = "cloud,service,item,allowance,unit,period,scope,eligibility,as_of,source"
GOOD = "us-east-1,x86_64,on_demand,0.04048,0.004445,0.000111,2025-10-27,feed,official"


@pytest.fixture
def facts(tmp_path: Path):
    def write(name: str, *lines: str) -> Path:
        folder = tmp_path / "facts"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n")
        return folder

    return write


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "tables"


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, out: Path, *options: str) -> Done:
    """Call the script's `main` in this process."""
    stdout, stderr = StringIO(), StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = script().main([str(folder), f"--out={out}", *options])
    return Done(code, stdout.getvalue(), stderr.getvalue())


@cache
def script() -> ModuleType:
    """The script as a module; its neighbours are found as when it is executed."""
    sys.path.insert(0, str(SCRIPT.parent))
    loader = SourceFileLoader("import_prices", str(SCRIPT))
    module = module_from_spec(ModuleSpec("import_prices", loader, origin=str(SCRIPT)))
    module.__file__ = str(SCRIPT)
    loader.exec_module(module)
    return module


def test_facts_become_tables_with_an_index(facts, out: Path) -> None:
    spot = "us-east-1,x86_64,spot,0.0128,0.0014,0.000111,undated,a note,observed"
    folder = facts("aws_fargate.csv", FARGATE, GOOD, spot)

    done = run(folder, out)

    assert (done.returncode, done.stdout, done.stderr) == (0, "aws_fargate: 6 rows\n", "")
    book = open_prices(out)
    (about,) = book.tables()
    assert (about.provider, about.service, about.rows) == ("aws", "fargate", 6)
    assert (about.as_of, about.source) == ("2025-10-27", "feed")
    assert dict(about.dates) == {"2025-10-27": 3, "undated": 3}
    rate = book.table("aws_fargate").rate("gb_hour.x86_64.spot", "us-east-1")
    assert rate is not None
    assert (rate.usd, rate.origin.kind, rate.origin.as_of) == (
        Decimal("0.0014"),
        "observed",
        "undated",
    )


def test_machines_keep_both_rates_and_where_they_come_from(facts, out: Path) -> None:
    folder = facts(
        "aws_ec2.csv",
        EC2,
        'm5.large,2,8,x86_64,,,eu-west-1,0.1070,0.05,2025-11-03,feed,2024-05-01,"seen, once"',
        "m5.large,2,8,x86_64,,,us-east-1,0.096,0.04,2026-07-20,list,2025-06-28,derived: x",
        "g2.2xlarge,8,15,,,,us-east-1,0.65,,2026-07-20,list,,",
        "g6f.large,2,8,x86_64,l4,,us-east-1,0.202,,2026-07-20,list,,",
    )

    assert run(folder, out).returncode == 0

    table = open_prices(out).table("aws_ec2")
    rows = {(r.item, r.region, r.capacity): r for r in table.rows()}
    assert rows["m5.large", "eu-west-1", ""].text == "0.107"
    assert rows["m5.large", "eu-west-1", "spot"].origin.kind == "observed"
    assert rows["m5.large", "us-east-1", "spot"].origin.kind == "derived"
    assert rows["m5.large", "us-east-1", "spot"].origin.as_of == "2025-06-28"
    assert rows["m5.large", "us-east-1", ""].origin.as_of == "2026-07-20"
    assert ("g2.2xlarge", "us-east-1", "spot") not in rows


def test_tiers_tier_words_and_notes_survive(facts, out: Path) -> None:
    folder = facts(
        "gcp_other.csv",
        GOOGLE,
        "cloud_run_region_tier,us-west2,,tier,,,2024-07/2025,docs,tier2",
        "cloud_run_worker_pool_vcpu_second,tier1,0.000011244,vCPU-second,,,2026-09-30,list,a note",
        "artifact_registry_egress_gb_na_to_na,,0.01,GB,,,2024-07-01,list,",
        "internet_egress_premium_gb_australia,us-west2,0.19,GiB,0,1024,2026-07-30,list,",
        "internet_egress_premium_gb_australia,us-west2,0.15,GiB,1024,,2026-07-30,list,CORRECTED: x",
    )

    assert run(folder, out).returncode == 0

    book = open_prices(out)
    assert book.table("gcp_run").word("cloud_run_region_tier", "us-west2") == "tier2"
    network = book.table("gcp_network")
    tiers = network.tiers("internet_egress_premium_gb_australia", "us-west2")
    assert [(t.start, t.end, t.rate.usd) for t in tiers] == [
        (0, 1024, Decimal("0.19")),
        (1024, None, Decimal("0.15")),
    ]
    assert [t.rate.origin.kind for t in tiers] == ["listed", "derived"]
    assert network.regions_of("artifact_registry_egress_gb_na_to_na") == ("global",)


def test_allowances_are_kept_row_by_row(facts, out: Path) -> None:
    folder = facts(
        "free_tier.csv",
        FREE,
        'aws,data_transfer,internet_egress_gb,100,GB,month,"all, but China",all,2026-09-28,list',
        "aws,data_transfer,internet_ingress_gb,unlimited,GB,month,all,all,2026-06-10,list",
    )

    assert run(folder, out).returncode == 0

    found = list(open_prices(out).table("free_tier").allowances())
    assert [(a.amount, a.scope, a.as_of) for a in found] == [
        ("100", "all, but China", "2026-09-28"),
        ("unlimited", "all", "2026-06-10"),
    ]


S3 = "s3_standard_gb_month,us-east-1"
END = "2025-10-22,feed"
MACHINE = "m5.large,2,8,x86_64,,,us-east-1,0.096,,2026-07-20,list,,"


@pytest.mark.parametrize(
    ("file", "header", "rows", "line", "reason"),
    [
        ("aws_fargate.csv", FARGATE, [GOOD.replace("0.04048", "-0.04048")], 2, "is not above 0"),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("0.004445", "0")], 2, "is not above 0"),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("0.004445", "0.000")], 2, "is not above 0"),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("0.004445", "")], 2, "is empty"),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("0.004445", "NaN")], 2, "is not a number"),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("0.004445", "1e3")], 2, "is not a number"),
        ("aws_fargate.csv", FARGATE, [GOOD, GOOD], 3, "the same row as"),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("x86_64", "sparc")], 2, 'arch "sparc"'),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("on_demand", "gift")], 2, 'capacity "gift"'),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("official", "rumour")], 2, 'kind "rumour"'),
        ("aws_fargate.csv", FARGATE, [GOOD.replace("2025-10-27", "last week")], 2, "not a date"),
        ("aws_fargate.csv", FARGATE, [GOOD.replace(",feed,", ",,")], 2, "no source"),
        ("aws_fargate.csv", FARGATE, [GOOD + ",more"], 2, "the number of columns"),
        ("aws_fargate.csv", FARGATE, ["us-east-1,x86_64"], 2, "the number of columns"),
        ("aws_fargate.csv", "region,arch", ["us-east-1,x86_64"], 1, "no column 'capacity'"),
        ("aws_ec2.csv", EC2, [MACHINE, MACHINE], 3, "the same row as"),
        (
            "aws_ec2.csv",
            EC2,
            [MACHINE, MACHINE.replace("us-east", "us-west").replace("2,8", "4,8")],
            3,
            "differs from",
        ),
        ("aws_ec2.csv", EC2, [MACHINE.replace("m5.large", "")], 2, "no machine type"),
        ("aws_ec2.csv", EC2, [MACHINE.replace(",2,8,", ",0,8,")], 2, "vcpus 0 is not above 0"),
        ("aws_other.csv", OTHER, [f"{S3},0.023,GB-week,,,{END}"], 2, 'unknown unit "GB-week"'),
        ("aws_other.csv", OTHER, [f"bananas,us-east-1,1,GB,,,{END}"], 2, 'unknown item "bananas"'),
        (
            "aws_other.csv",
            OTHER,
            [f"{S3},0.023,GB-month,0,51200,{END}", f"{S3},0.02,GB-month,60000,,{END}"],
            3,
            "does not begin where the one below it ends",
        ),
        (
            "aws_other.csv",
            OTHER,
            [f"{S3},0.023,GB-month,0,,{END}", f"{S3},0.02,GB-month,51200,,{END}"],
            3,
            "does not begin where the one below it ends",
        ),
        (
            "gcp_other.csv",
            GOOGLE,
            ["cloud_run_region_tier,us-west2,,tier,,,2024,docs,tier9"],
            2,
            "tier1 or tier2",
        ),
        ("free_tier.csv", FREE, ["aws,s3,x,lots,GB,month,a,b,2026,c"], 2, 'allowance "lots"'),
    ],
)
def test_a_bad_row_is_refused_with_its_place_and_nothing_is_written(
    facts, out: Path, *, file: str, header: str, rows: list[str], line: int, reason: str
) -> None:
    folder = facts(file, header, *rows)

    done = run(folder, out)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{folder / file}:{line}: " in done.stderr
    assert reason in done.stderr
    assert done.stderr.endswith("nothing was written\n")
    assert not out.exists()


def test_every_refusal_is_shown_at_once(facts, out: Path) -> None:
    folder = facts(
        "aws_fargate.csv", FARGATE, GOOD.replace("0.04048", "0"), GOOD.replace("x86", "y")
    )

    done = run(folder, out)

    assert done.stderr.count("aws_fargate.csv:") == 2


@pytest.mark.parametrize(
    ("rate", "accepted"), [("0.0607", True), ("0.0608", False), ("0.02", False)]
)
def test_a_rate_that_moved_by_more_than_half_needs_force(facts, out, rate, accepted) -> None:
    run(facts("aws_fargate.csv", FARGATE, GOOD), out)
    before = (out / "aws_fargate.tsv").read_bytes()
    folder = facts("aws_fargate.csv", FARGATE, GOOD.replace("0.04048", rate))

    done = run(folder, out)
    after = (out / "aws_fargate.tsv").read_bytes()
    forced = run(folder, out, "--force")

    assert done.returncode == (0 if accepted else 1)
    assert (after == before) is not accepted
    assert accepted or f"moved from 0.04048 to {rate}, more than 50 %; --force" in done.stderr
    assert forced.returncode == 0
    shown = open_prices(out).table("aws_fargate").rate("vcpu_hour.x86_64.on_demand", "us-east-1")
    assert shown is not None
    assert shown.usd == Decimal(rate)


def test_a_spot_rate_may_not_jump_either(facts, out: Path) -> None:
    row = "n2-standard-4,4,16,x86_64,,,us-central1,0.19,0.05,2026-07-30,list"
    run(facts("gcp_compute.csv", GCE, row), out)

    done = run(facts("gcp_compute.csv", GCE, row.replace("0.05", "0.15")), out)

    assert "n2-standard-4 spot in us-central1 moved from 0.05 to 0.15" in done.stderr


def test_one_bad_file_keeps_all_the_others_out(facts, out: Path) -> None:
    facts("aws_fargate.csv", FARGATE, GOOD)
    folder = facts("free_tier.csv", FREE, "aws,s3,x,lots,GB,month,a,b,2026,c")

    assert run(folder, out).returncode == 1
    assert not out.exists()


def test_a_table_whose_facts_are_not_there_is_kept(facts, out: Path) -> None:
    folder = facts("aws_fargate.csv", FARGATE, GOOD)
    run(folder, out)
    (folder / "aws_fargate.csv").unlink()

    done = run(facts("aws_ec2.csv", EC2, MACHINE), out)

    assert done.returncode == 0
    assert [about.name for about in open_prices(out).tables()] == ["aws_ec2", "aws_fargate"]


def test_equal_facts_give_equal_bytes_and_leave_no_other_files(facts, out: Path) -> None:
    folder = facts("aws_fargate.csv", FARGATE, GOOD, GOOD.replace("us-east-1", "eu-west-1"))
    run(folder, out)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    facts("aws_fargate.csv", FARGATE, GOOD.replace("us-east-1", "eu-west-1"), GOOD)
    run(folder, out)

    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert sorted(first) == ["aws_fargate.tsv", "index.json"]
    assert json.loads(first["index.json"])["schema"] == "scalable.prices/1"


def test_a_folder_that_cannot_be_written_is_said_in_one_line(facts, tmp_path: Path) -> None:
    (tmp_path / "tables").write_text("a file")

    done = run(facts("aws_fargate.csv", FARGATE, GOOD), tmp_path / "tables")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("nothing was written\n")


def test_it_is_a_program_that_shows_its_usage(facts, out: Path) -> None:
    folder = facts("aws_fargate.csv", FARGATE, GOOD)

    good = subprocess.run([SCRIPT, folder, f"--out={out}"], capture_output=True, text=True)
    bad = subprocess.run([SCRIPT, folder, "--nonsense"], capture_output=True, text=True)

    assert (good.returncode, good.stderr) == (0, "")
    assert bad.returncode == 2
    assert "Usage:" in bad.stderr


def test_a_folder_without_facts_is_refused(tmp_path: Path, out: Path) -> None:
    done = run(tmp_path, out)

    assert done.returncode == 1
    assert "none of aws_fargate.csv" in done.stderr
