"""A target in words: its name, service, region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.model.manifest import Provider

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Target

_HERE = {
    Provider.LOCAL: "this machine",
    Provider.SLURM: "Slurm",
    Provider.KUBERNETES: "Kubernetes",
}


def service_of(target: Target) -> str:
    """The service: "fargate", "cloud_run", "this machine", "Slurm"."""
    if target.cluster_type is not None:
        return target.cluster_type.value
    return _HERE.get(target.provider, target.provider.value)


def place_of(target: Target) -> str:
    """Service, region and capacity: "fargate, us-east-1, spot"."""
    parts = [service_of(target), target.region, "spot" if target.spot else None]
    return ", ".join(part for part in parts if part)
