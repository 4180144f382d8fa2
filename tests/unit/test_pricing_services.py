"""What the other services charge: machines, pods, pools, and what is free."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pricing_plans import aws, gcp, line, plain_target, steps_plan, task, what, workflow_plan

from scalable_cli.model.estimate import BasisKind
from scalable_cli.model.manifest import (
    ClusterType,
    Component,
    KubernetesOptions,
    LocalOptions,
    Provider,
    SlurmOptions,
)
from scalable_cli.pricing import Observed, PriceBook, Usage, estimate, open_prices

HOURS = Usage(hours=Decimal(2))
SPOT = Usage(hours=Decimal(2), spot=True)
VOLUME_HOURS = Decimal(11 * 30 * 2) / 730


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return open_prices()


def costs(result) -> dict[str, Decimal | None]:
    return {one.what.value: one.cost for one in result.lines}


def test_ec2_charges_machines_volumes_and_addresses(book: PriceBook) -> None:
    plan = workflow_plan(aws(ClusterType.EC2, instance_type="m5.xlarge"))

    result = estimate(plan, HOURS, book, {})

    assert costs(result) == {
        "instance": 10 * 2 * Decimal("0.192"),
        "head": 2 * Decimal("0.0208"),
        "volume": line(VOLUME_HOURS * Decimal("0.08")),
        "public_ipv4": 11 * 2 * Decimal("0.005"),
    }
    assert what(result, "instance").formula == "10 workers x m5.xlarge x 2 h x $0.192/h"
    assert what(result, "volume").formula == "11 volumes x 30 GB x 2 h x $0.08/GB-month"
    assert result.priced_on == "2026-07-20"


def test_an_ec2_head_has_the_architecture_of_the_workers(book: PriceBook) -> None:
    plan = workflow_plan(aws(ClusterType.EC2, instance_type="c6g.large"))

    result = estimate(plan, HOURS, book, {})

    assert what(result, "head").formula == "t4g.small x 2 h x $0.0168/h"


def test_ec2_spot_is_an_estimate_and_the_head_is_on_demand(book: PriceBook) -> None:
    plan = workflow_plan(aws(ClusterType.EC2, "eu-west-3", instance_type="m5.xlarge"))

    result = estimate(plan, SPOT, book, {})

    assert what(result, "instance").cost == 20 * Decimal("0.08064")
    assert "(spot, estimated)" in what(result, "instance").formula
    assert what(result, "head").cost == 2 * Decimal("0.0236")


def test_a_volume_without_a_price_is_unknown_and_not_free(book: PriceBook) -> None:
    plan = workflow_plan(aws(ClusterType.EC2, "eu-west-3", instance_type="m5.xlarge"))

    volume = what(estimate(plan, HOURS, book, {}), "volume")

    assert (volume.rate, volume.cost) == (None, None)
    assert volume.note is not None
    assert volume.note.endswith("the nearest region with one is eu-west-1")


def test_a_machine_type_that_no_table_has_is_unknown(book: PriceBook) -> None:
    plan = workflow_plan(aws(ClusterType.EC2, instance_type="m99.xlarge"))

    result = estimate(plan, HOURS, book, {})

    assert result.incomplete
    assert what(result, "instance").cost is None
    assert what(result, "instance").note == "no price of m99.xlarge is known in any region"


def test_a_machine_type_not_sold_in_the_region_names_one_that_sells_it(book: PriceBook) -> None:
    plan = workflow_plan(aws(ClusterType.EC2, "ap-southeast-7", instance_type="a1.2xlarge"))

    note = what(estimate(plan, HOURS, book, {}), "instance").note

    assert note is not None
    assert "is known in ap-southeast-7; the nearest region with one is ap-southeast-" in note


def test_ec2_without_a_type_takes_the_cheapest_that_holds_the_component(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws(ClusterType.EC2)), HOURS, book, {})

    table = book.table("aws_ec2")
    name = what(result, "instance").formula.split(" x ")[1]
    chosen = table.machine(name)
    named = table.machine_rate("m5.xlarge", "us-east-1")
    assert chosen is not None
    assert named is not None
    assert (chosen.arch, chosen.gpus) == ("x86_64", 0)
    assert chosen.vcpus >= 4
    assert chosen.memory_gib >= 16
    assert what(result, "instance").rate <= named.usd
    assert any(note.startswith(f"{name} is the cheapest machine") for note in result.notes)


def test_a_component_with_gpus_gets_a_machine_with_gpus(book: PriceBook) -> None:
    gpu = Component("analysis", cpus=Decimal(4), memory_bytes=16 << 30, gpus=1)

    result = estimate(workflow_plan(gcp(ClusterType.GCE), gpu), HOURS, book, {})

    machine = book.table("gcp_gce").machine(what(result, "instance").formula.split(" x ")[1])
    assert machine is not None
    assert machine.gpus is not None
    assert machine.gpus >= 1


def test_eks_charges_pods_with_the_agents_memory_and_the_cluster(book: PriceBook) -> None:
    result = estimate(workflow_plan(aws(ClusterType.EKS)), SPOT, book, {})

    assert costs(result) == {
        "compute": 80 * Decimal("0.04048"),
        "memory": 10 * 17 * 2 * Decimal("0.004445"),
        "head": 2 * (Decimal("0.04048") + 3 * Decimal("0.004445")),
        "control_plane": 2 * Decimal("0.1"),
    }
    assert "pods on Fargate have no spot capacity; priced on demand" in result.notes


def test_eks_rounds_one_vcpu_and_eight_gb_up_to_two_vcpu_and_nine(book: PriceBook) -> None:
    plan = workflow_plan(aws(ClusterType.EKS, worker_cpu=1024, worker_mem_mib=8192))

    result = estimate(plan, HOURS, book, {})

    assert what(result, "compute").cost == 10 * 2 * 2 * Decimal("0.04048")
    assert what(result, "memory").cost == 10 * 9 * 2 * Decimal("0.004445")


def test_cloud_run_charges_worker_pools_by_the_second(book: PriceBook) -> None:
    plan = workflow_plan(gcp(ClusterType.CLOUD_RUN, worker_cpu=Decimal(4), worker_mem_mib=16384))

    result = estimate(plan, HOURS, book, {})

    assert costs(result) == {
        "compute": 10 * 4 * 7200 * Decimal("0.000011244"),
        "memory": 10 * 16 * 7200 * Decimal("0.000001235"),
        "head": 7200 * (Decimal("0.000011244") + 2 * Decimal("0.000001235")),
    }
    assert what(result, "compute").formula == "10 workers x 4 vCPU x 2 h x $0.0404784/vCPU-h"


def test_cloud_run_rounds_up_to_a_tenth_of_a_second(book: PriceBook) -> None:
    plan = steps_plan(gcp(ClusterType.CLOUD_RUN), [(task(), 1)])

    result = estimate(plan, Usage(), book, {"simulate": Observed(Decimal("10.01"), 1)})

    assert what(result, "head").quantity == line(Decimal("10.1") / 3600)


@pytest.mark.parametrize("region", ["europe-west2", "europe-north2"])
def test_worker_pools_outside_tier_1_are_unknown(book: PriceBook, region: str) -> None:
    result = estimate(workflow_plan(gcp(ClusterType.CLOUD_RUN, region)), HOURS, book, {})

    assert result.incomplete
    assert set(costs(result).values()) == {None}
    assert what(result, "head").note is not None
    assert "the nearest region with one is europe-" in what(result, "head").note
    assert result.total == 0


def test_gce_charges_machines_and_disks_and_an_address_only_if_asked(book: PriceBook) -> None:
    plan = workflow_plan(gcp(ClusterType.GCE, instance_type="e2-standard-4"))
    public = workflow_plan(gcp(ClusterType.GCE, instance_type="e2-standard-4", public_ip=True))

    result = estimate(plan, HOURS, book, {})

    assert costs(result) == {
        "instance": line(20 * Decimal("0.13402284")),
        "head": line(2 * Decimal("0.016752855")),
        "volume": line(VOLUME_HOURS * Decimal("0.1")),
    }
    assert what(estimate(public, HOURS, book, {}), "public_ipv4").cost == 22 * Decimal("0.005")


def test_machines_that_boot_from_hyperdisk_have_a_volume_of_unknown_price(book: PriceBook) -> None:
    plan = workflow_plan(gcp(ClusterType.GCE, instance_type="c4a-standard-4"))

    result = estimate(plan, SPOT, book, {})

    assert what(result, "volume").cost is None
    assert what(result, "instance").formula.endswith("/h (spot)")


def test_autopilot_charges_requests_and_the_cluster(book: PriceBook) -> None:
    result = estimate(workflow_plan(gcp(ClusterType.GKE)), HOURS, book, {})

    assert costs(result) == {
        "compute": 80 * Decimal("0.0445"),
        "memory": 320 * Decimal("0.0049225"),
        "head": 2 * (Decimal("0.0445") + 2 * Decimal("0.0049225")),
        "control_plane": 2 * Decimal("0.1"),
    }


def test_autopilot_spot_is_published(book: PriceBook) -> None:
    result = estimate(workflow_plan(gcp(ClusterType.GKE)), SPOT, book, {})

    assert what(result, "compute").cost == 80 * Decimal("0.0133")
    assert what(result, "compute").formula.endswith("(spot)")


def test_autopilot_raises_memory_to_a_gib_a_vcpu(book: PriceBook) -> None:
    lean = Component("analysis", cpus=Decimal(4), memory_bytes=1 << 30)

    result = estimate(workflow_plan(gcp(ClusterType.GKE), lean), HOURS, book, {})

    assert what(result, "memory").cost == 10 * 4 * 2 * Decimal("0.0049225")


def test_pods_too_large_for_autopilot_and_gpus_are_unknown(book: PriceBook) -> None:
    large = Component("analysis", cpus=Decimal(64), memory_bytes=200 << 30, gpus=1)

    result = estimate(workflow_plan(gcp(ClusterType.GKE), large), HOURS, book, {})

    assert (what(result, "compute").cost, what(result, "gpu").cost) == (None, None)


def test_a_standard_cluster_is_charged_by_its_machines(book: PriceBook) -> None:
    result = estimate(workflow_plan(gcp(ClusterType.GKE, autopilot=False)), HOURS, book, {})

    assert [one.what.value for one in result.lines] == [
        "instance",
        "head",
        "volume",
        "control_plane",
    ]


@pytest.mark.parametrize(
    ("target", "hours"),
    [
        (plain_target(Provider.LOCAL, LocalOptions(4, threads_per_worker=2)), 2),
        (plain_target(Provider.SLURM, SlurmOptions()), 3),
        (plain_target(Provider.KUBERNETES, KubernetesOptions(worker_cpu=Decimal(8))), 3),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_ones_own_machines_cost_nothing_and_still_take_time(book, target, hours) -> None:
    result = estimate(steps_plan(target, [(task(), 12)]), Usage(), book, {})

    assert [(one.cost, one.basis.kind) for one in result.lines] == [(0, BasisKind.NO_CHARGE)]
    assert (result.total, result.priced_on) == (0, None)
    assert result.basis.kind is BasisKind.NO_CHARGE
    assert result.time.seconds == hours * 3600


def test_a_hundred_variations_parse_the_tables_once(book: PriceBook) -> None:
    reads: list[str] = []
    counted = open_prices()
    read = counted._read
    counted._read = lambda name: reads.append(name) or read(name)

    for workers in range(1, 101):
        estimate(workflow_plan(aws()), Usage(hours=Decimal(1), workers=workers), counted, {})

    assert sorted(reads) == sorted(set(reads))
    assert "aws_ec2.tsv" not in reads


def test_autopilot_rounds_cpus_up_to_quarters(book: PriceBook) -> None:
    odd = Component("analysis", cpus=Decimal("1.1"), memory_bytes=4 << 30)

    result = estimate(workflow_plan(gcp(ClusterType.GKE), odd), HOURS, book, {})

    assert what(result, "compute").cost == 10 * Decimal("1.25") * 2 * Decimal("0.0445")
