"""Checks that sizes exist, and that each component fits the workers of a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.manifest.targets import worker_size
from scalable_cli.model.manifest import AwsOptions, ClusterType, GcpOptions, Provider
from scalable_cli.model.sizes import CLOUD_RUN, FARGATE, MIB, fit_cloud_run, fit_fargate
from scalable_cli.model.units import show_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from scalable_cli.manifest.fields import Fields
    from scalable_cli.manifest.findings import Findings
    from scalable_cli.model.manifest import Component, Target

_WITHOUT_GPUS = {ClusterType.FARGATE: "Fargate", ClusterType.CLOUD_RUN: "a Cloud Run worker pool"}
_SERVERLESS = {ClusterType.FARGATE: fit_fargate, ClusterType.CLOUD_RUN: fit_cloud_run}


def check_size(target: Target, fields: Fields, found: Findings) -> None:
    """A Fargate or Cloud Run worker must have one of the sizes that the service offers."""
    options = target.options
    if target.cluster_type is ClusterType.FARGATE and isinstance(options, AwsOptions):
        _check_fargate(options.worker_cpu, options.worker_mem_mib, fields, found)
    if target.cluster_type is ClusterType.CLOUD_RUN and isinstance(options, GcpOptions):
        _check_cloud_run(options.worker_cpu, options.worker_mem_mib, fields, found)


def _check_fargate(cpu: int | None, mem: int | None, fields: Fields, found: Findings) -> None:
    if cpu is not None and (cpu not in FARGATE or (mem is not None and mem not in FARGATE[cpu])):
        pair = fit_fargate(cpu, mem or 0) or (max(FARGATE), FARGATE[max(FARGATE)][-1])
        hint = f"next valid size: worker_cpu: {pair[0]}, worker_mem: {pair[1]}"
        if cpu not in FARGATE:
            said = f"{cpu} CPU units are not a size of Fargate"
            found.error("E501", fields.at("worker_cpu"), said, hint=hint, words=str(cpu))
        else:
            said = f"{cpu} CPU units with {mem} MiB are not a size of Fargate"
            found.error("E501", fields.at("worker_mem"), said, hint=hint, words=str(mem))
    elif cpu is None and mem is not None and not any(mem in sizes for sizes in FARGATE.values()):
        pair = fit_fargate(0, mem) or (max(FARGATE), FARGATE[max(FARGATE)][-1])
        hint = f"next valid size: worker_cpu: {pair[0]}, worker_mem: {pair[1]}"
        said = f"{mem} MiB are not a size of Fargate"
        found.error("E501", fields.at("worker_mem"), said, hint=hint, words=str(mem))


def _check_cloud_run(cpu: Decimal | None, mem: int | None, fields: Fields, found: Findings) -> None:
    largest = max(CLOUD_RUN)
    if cpu is not None and cpu not in CLOUD_RUN:
        pair = fit_cloud_run(cpu, mem or 0) or (largest, CLOUD_RUN[largest][1])
        hint = f"next valid size: worker_cpu: {pair[0]}, worker_mem: {pair[1]}"
        if cpu >= 1000:
            hint += "; Cloud Run counts whole vCPUs, not units of 1024"
        said = f"{cpu} vCPU is not a size of Cloud Run"
        found.error("E502", fields.at("worker_cpu"), said, hint=hint)
        return
    if mem is None:
        return
    smallest, most = CLOUD_RUN[int(cpu)] if cpu else (512, CLOUD_RUN[largest][1])
    if not smallest <= mem <= most:
        pair = fit_cloud_run(cpu or 0, mem) or (largest, CLOUD_RUN[largest][1])
        hint = f"next valid size: worker_cpu: {pair[0]}, worker_mem: {pair[1]}"
        with_cpu = f"{cpu} vCPU with " if cpu else ""
        said = f"{with_cpu}{mem} MiB are not a size of Cloud Run"
        found.error("E502", fields.at("worker_mem"), said, hint=hint, words=str(mem))


def check_components(
    target: Target, components: Iterable[tuple[Component, Fields]], found: Findings
) -> None:
    """Each component must fit a worker of the target, where the target fixes its size."""
    for component, fields in components:
        _check_gpus(target, component, fields, found)
        _check_fit(target, component, fields, found)


def _check_gpus(target: Target, component: Component, fields: Fields, found: Findings) -> None:
    service = _WITHOUT_GPUS.get(target.cluster_type) if target.cluster_type else None
    if service and component.gpus:
        said = f'component "{component.name}" needs GPUs, and target "{target.name}" has none'
        other = "ec2" if target.provider is Provider.AWS else "gce or gke"
        hint = f"{service} has no GPUs; use cluster_type: {other}"
        found.error("E507", fields.at("gpus"), said, hint=hint)


def _check_fit(target: Target, component: Component, fields: Fields, found: Findings) -> None:
    cpus, memory = worker_size(target)
    name, where = component.name, f'a worker of target "{target.name}"'
    if cpus is not None and component.cpus > cpus:
        said = (
            f'component "{name}" needs {component.cpus} cpus, and {where} has {cpus.normalize():f}'
        )
        hint = _larger(target, component)
        found.error("E506", fields.at("cpus"), said, hint=hint)
    if memory is not None and component.memory_bytes > memory:
        need = show_bytes(component.memory_bytes)
        said = f'component "{name}" needs {need} of memory, and {where} has {show_bytes(memory)}'
        hint = _larger(target, component)
        found.error("E506", fields.at("memory"), said, hint=hint)
    fit = _SERVERLESS.get(target.cluster_type) if target.cluster_type else None
    if fit and cpus is None and memory is None:
        need_mib = -(-component.memory_bytes // MIB)
        scale = 1024 if target.cluster_type is ClusterType.FARGATE else 1
        if fit(component.cpus * scale, need_mib) is None:
            need = f"{component.cpus} cpus and {show_bytes(component.memory_bytes)}"
            said = (
                f'component "{name}" needs {need}, more than any worker of target "{target.name}"'
            )
            found.error("E506", fields.node, said, hint="use a cluster type with machines")


def _larger(target: Target, component: Component) -> str | None:
    need_mib = -(-component.memory_bytes // MIB)
    pair: tuple[object, object] | None = component.cpus, need_mib
    if target.cluster_type is ClusterType.FARGATE:
        pair = fit_fargate(component.cpus * 1024, need_mib)
    elif target.cluster_type is ClusterType.CLOUD_RUN:
        pair = fit_cloud_run(component.cpus, need_mib)
    elif target.provider is Provider.AWS:
        pair = int(component.cpus * 1024), need_mib
    if pair is None:
        return "ask for less, or use a cluster type with machines"
    return f"it fits worker_cpu: {pair[0]}, worker_mem: {pair[1]}"
