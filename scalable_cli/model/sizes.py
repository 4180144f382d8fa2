"""Worker sizes that the serverless services accept."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

MIB = 1 << 20
GIB = 1 << 30


def _steps(first: int, last: int, step: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1, step))


# CPU units -> MiB. Rows 1-7: botocore, RegisterTaskDefinitionRequest.memory; the 32 vCPU
# row: cfn-lint rule E3047 (fargate_cpu_memory.json).
FARGATE: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: _steps(1024, 4096, 1024),
    1024: _steps(2048, 8192, 1024),
    2048: _steps(4096, 16384, 1024),
    4096: _steps(8192, 30720, 1024),
    8192: _steps(16384, 61440, 4096),
    16384: _steps(32768, 122880, 8192),
    32768: (61440, 122880, 249856),
}

# vCPU -> (smallest, largest) MiB for jobs and worker pools.
# cloud.google.com/run/docs/configuring/jobs/cpu and /memory-limits.
CLOUD_RUN: dict[int, tuple[int, int]] = {
    1: (512, 4096),
    2: (512, 8192),
    4: (2048, 16384),
    6: (4096, 24576),
    8: (4096, 32768),
}


def fit_fargate(cpu_units: Decimal | int, memory_mib: int) -> tuple[int, int] | None:
    """The smallest valid (CPU units, MiB) that holds both; None when nothing does."""
    for cpu, sizes in FARGATE.items():
        if cpu < cpu_units:
            continue
        for size in sizes:
            if size >= memory_mib:
                return cpu, size
    return None


def fit_cloud_run(vcpus: Decimal | int, memory_mib: int) -> tuple[int, int] | None:
    """The smallest valid (vCPU, MiB) that holds both; None when nothing does."""
    for cpu, (smallest, largest) in CLOUD_RUN.items():
        if cpu >= vcpus and memory_mib <= largest:
            return cpu, max(smallest, memory_mib)
    return None


def fit_autopilot(vcpus: Decimal, memory_mib: int) -> tuple[Decimal, int] | None:
    """A GKE Autopilot general-purpose pod's billed (vCPU, MiB); None above 30 vCPU, 110 GiB.

    CPU in steps of 0.25 from 0.25; memory at least 512 MiB and 1 to 6.5 GiB a vCPU; what is
    outside the ratio is raised (cloud.google.com/kubernetes-engine autopilot-resource-requests).
    """
    quarter = Decimal("0.25")
    cpu = max(quarter, _up(vcpus, quarter))
    memory = max(512, memory_mib)
    most = Decimal("6.5") * 1024
    if memory > cpu * most:
        cpu = _up(Decimal(memory) / most, quarter)
    memory = max(memory, int(cpu * 1024))
    return (cpu, memory) if cpu <= 30 and memory <= 110 * 1024 else None


def _up(number: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` at or above; `//` on Decimals rounds towards zero."""
    return (number / step).to_integral_value(ROUND_CEILING) * step
