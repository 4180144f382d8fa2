"""One target of the manifest: from its node to a `Target`, with the checks of itself."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.manifest import schema
from scalable_cli.manifest.nodes import Mapping, Scalar
from scalable_cli.manifest.suggest import did_you_mean, one_of
from scalable_cli.model import manifest as model
from scalable_cli.model.regions import AWS_REGIONS, GCP_REGIONS

if TYPE_CHECKING:
    from scalable_cli.manifest.fields import Fields, Reader
    from scalable_cli.manifest.nodes import Node


def read_target(key: Scalar, node: Node, reader: Reader) -> tuple[model.Target, Fields] | None:
    """The target called `key`, with its fields; None when its provider is not known."""
    provider = _provider(node, reader)
    if provider is None:
        return None
    fields = _record(node, provider, reader)
    if fields is None:
        return None
    cluster_type = _cluster_type(provider, fields, reader)
    spot = fields.values.get("spot", False)
    adaptive = _adaptive(fields, reader)
    target = model.Target(
        name=key.text,
        provider=model.Provider(provider),
        options=_options(provider, fields),
        max_workers=_max_workers(provider, fields, adaptive),
        cluster_type=cluster_type,
        region=_region(provider, fields, reader),
        image=fields.text("image"),
        adaptive=adaptive,
        spot=_spot(fields, spot_wanted=spot is True),
        overlay=fields.text("overlay"),
        preload_script=fields.text("preload_script"),
        tags=fields.pairs("tags"),
    )
    return target, fields


def _provider(node: Node, reader: Reader) -> str | None:
    if not isinstance(node, Mapping):
        reader.read(node, schema.TARGETS["local"])
        return None
    value = node.items.get("provider")
    if value is None:
        hint = f"add: provider: … ({', '.join(schema.PROVIDERS)})"
        reader.found.error("E203", node, 'a target needs "provider"', hint=hint)
        return None
    kind = next(key.kind for key in schema.TARGETS["local"].keys if key.name == "provider")
    provider = reader.read(value, kind)
    if provider is None:
        _check_any_keys(node, reader)
    return None if provider is None else str(provider)


def _check_any_keys(node: Mapping, reader: Reader) -> None:
    """Without a provider, an option is unknown only when no provider has it."""
    for name, key in node.keys.items():
        if not schema.providers_of(name):
            names = {option.name for record in schema.TARGETS.values() for option in record.keys}
            said = f'unknown key "{name[:80]}" in a target'
            reader.found.error("E201", key, said, hint=did_you_mean(name, names), words=name)


def _record(node: Node, provider: str, reader: Reader) -> Fields | None:
    assert isinstance(node, Mapping)
    kind = schema.TARGETS[provider]
    known = {key.name for key in kind.keys}
    mine = Mapping(node.line, node.column)
    for name, value in node.items.items():
        owners = schema.providers_of(name)
        if name not in known and owners:
            said = f'"{name}" is an option of {_listed(owners)}, not of {provider}'
            hint = "remove it"
            reader.found.error("E202", node.keys[name], said, hint=hint, words=name)
            continue
        mine.items[name] = value
        mine.keys[name] = node.keys[name]
    return reader.record(mine, kind)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _cluster_type(provider: str, fields: Fields, reader: Reader) -> model.ClusterType | None:
    choices = schema.CLUSTER_TYPES.get(provider)
    if choices is None:
        return None
    word = fields.text("cluster_type")
    if word is None:
        return model.ClusterType(
            choices[1 if provider == "aws" else 2] if fields.text("instance_type") else choices[0]
        )
    if word in choices:
        return model.ClusterType(word)
    node = fields.at("cluster_type")
    for other, theirs in schema.CLUSTER_TYPES.items():
        if word in theirs:
            said = f'cluster type "{word}" belongs to {other}, not to {provider}'
            reader.found.error("E510", node, said, hint=f"use {one_of(choices)}", words=word)
            return None
    hint = did_you_mean(word, choices) or f"use {one_of(choices)}"
    reader.found.error("E208", node, f'unknown cluster type "{word[:80]}"', hint=hint, words=word)
    return None


def _region(provider: str, fields: Fields, reader: Reader) -> str | None:
    region = fields.text("region")
    if region is None or provider not in ("aws", "gcp"):
        return region
    known = AWS_REGIONS if provider == "aws" else GCP_REGIONS
    node = fields.at("region")
    if region not in known:
        other = GCP_REGIONS if provider == "aws" else AWS_REGIONS
        said = f'"{region[:80]}" is not a region of {provider}'
        hint = (
            did_you_mean(region, known) if region not in other else "it is one of another provider"
        )
        if region[:-2] in known and provider == "gcp":
            hint = f'"{region}" is a zone; write region: {region[:-2]} and zone: {region}'
        reader.found.error("E504", node, said, hint=hint, words=region)
        return region
    zone = fields.text("zone")
    if zone is not None and zone[:-2] != region:
        said = f'zone "{zone[:80]}" is not in region "{region[:80]}"'
        hint = f"zones are called {region}-a, {region}-b, …"
        reader.found.error("E504", fields.at("zone"), said, hint=hint, words=zone)
    return region


def _adaptive(fields: Fields, reader: Reader) -> model.Adaptive | None:
    record = fields.record("adaptive")
    if record is None:
        return None
    minimum, maximum = record.integer("minimum") or 0, record.integer("maximum")
    if maximum is None:
        return None
    if minimum > maximum:
        said = f"minimum {minimum} is more than maximum {maximum}"
        node = record.at("minimum")
        reader.found.error("E505", node, said, hint="swap them", words=str(minimum))
    return model.Adaptive(minimum, maximum)


def _max_workers(provider: str, fields: Fields, adaptive: model.Adaptive | None) -> int:
    if adaptive is not None:
        return adaptive.maximum
    said = fields.integer("n_workers") or fields.integer("max_workers")
    if said is None and provider == "local":
        from scalable_cli.host import cpu_count

        return cpu_count()
    return said or 1


def _spot(fields: Fields, *, spot_wanted: bool) -> model.Spot | None:
    record = fields.record("spot")
    if record is not None:
        on_demand = record.text("fallback") == "on_demand"
        return model.Spot(on_demand, record.integer("base") or 0)
    return model.Spot() if spot_wanted else None


def _options(provider: str, fields: Fields) -> model.TargetOptions:
    match provider:
        case "local":
            return _local(fields)
        case "slurm":
            return _slurm(fields)
        case "aws":
            return _aws(fields)
        case "gcp":
            return _gcp(fields)
        case _:
            return _kubernetes(fields)


def _local(fields: Fields) -> model.LocalOptions:
    return model.LocalOptions(
        max_workers=_max_workers("local", fields, None),
        threads_per_worker=fields.integer("threads_per_worker") or 1,
        processes=fields.flag("processes", False),
        containers=fields.text("containers") or "none",
    )


def _slurm(fields: Fields) -> model.SlurmOptions:
    return model.SlurmOptions(
        queue=fields.text("queue"),
        account=fields.text("account"),
        walltime_s=int(fields.number("walltime") or 3600),
        interface=fields.text("interface"),
        qos=fields.text("qos"),
        constraint=fields.text("constraint"),
        gres=fields.text("gres"),
        licenses=fields.text("licenses"),
        extra_args=fields.texts("extra_args"),
        prologue=fields.texts("prologue"),
        modules=fields.texts("modules"),
        runtime=fields.text("runtime"),
        head=fields.text("head") or "job",
        comm_port=fields.integer("comm_port"),
    )


def _aws(fields: Fields) -> model.AwsOptions:
    return model.AwsOptions(
        worker_cpu=fields.integer("worker_cpu"),
        worker_mem_mib=fields.integer("worker_mem"),
        instance_type=fields.text("instance_type"),
        arch=fields.text("arch") or "x86_64",
        ephemeral_gb=fields.integer("ephemeral_gb"),
        volume_gb=fields.integer("volume_gb"),
        public_ip=fields.flag("public_ip", True),
        vpc=fields.text("vpc"),
        subnets=fields.texts("subnets"),
        security_groups=fields.texts("security_groups"),
        execution_role_arn=fields.text("execution_role_arn"),
        task_role_arn=fields.text("task_role_arn"),
        instance_profile=fields.text("instance_profile"),
        ami=fields.text("ami"),
        cluster=fields.text("cluster"),
        namespace=fields.text("namespace"),
        comm_port=fields.integer("comm_port"),
    )


def _gcp(fields: Fields) -> model.GcpOptions:
    return model.GcpOptions(
        worker_cpu=fields.number("worker_cpu"),
        worker_mem_mib=fields.integer("worker_mem"),
        instance_type=fields.text("instance_type"),
        project_id=fields.text("project_id"),
        zone=fields.text("zone"),
        service_account=fields.text("service_account"),
        vpc=fields.text("vpc"),
        subnets=fields.texts("subnets"),
        public_ip=fields.flag("public_ip", False),
        volume_gb=fields.integer("volume_gb"),
        cluster=fields.text("cluster"),
        namespace=fields.text("namespace"),
        autopilot=fields.flag("autopilot", True),
        comm_port=fields.integer("comm_port"),
    )


def _kubernetes(fields: Fields) -> model.KubernetesOptions:
    return model.KubernetesOptions(
        context=fields.text("context"),
        namespace=fields.text("namespace") or "default",
        service_account=fields.text("service_account"),
        node_selector=fields.pairs("node_selector"),
        image_pull_secrets=fields.texts("image_pull_secrets"),
        worker_cpu=fields.number("worker_cpu"),
        worker_mem_mib=fields.integer("worker_mem"),
        comm_port=fields.integer("comm_port"),
    )


def worker_size(target: model.Target) -> tuple[Decimal | None, int | None]:
    """The vCPUs and bytes of one worker, each None when the manifest does not fix it."""
    options = target.options
    if isinstance(options, model.AwsOptions):
        cpus = None if options.worker_cpu is None else Decimal(options.worker_cpu) / 1024
    elif isinstance(options, model.GcpOptions | model.KubernetesOptions):
        cpus = options.worker_cpu
    else:
        return None, None
    mem = options.worker_mem_mib
    return cpus, None if mem is None else mem << 20
