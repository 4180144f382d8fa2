"""The manifest after loading: resolved, typed, in canonical units."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalable_cli.model.problem import Place, Problem


class Provider(Enum):
    """The brand of a target."""

    LOCAL = "local"
    SLURM = "slurm"
    AWS = "aws"
    GCP = "gcp"
    KUBERNETES = "kubernetes"


class ClusterType(Enum):
    """The service of a cloud provider that runs head and workers."""

    FARGATE = "fargate"
    EC2 = "ec2"
    EKS = "eks"
    CLOUD_RUN = "cloud_run"
    GKE = "gke"
    GCE = "gce"


@dataclass(frozen=True, slots=True)
class Value:
    """One matrix value: its text as written, and the number it is, if it is one."""

    text: str
    number: int | float | None = None

    @property
    def plain(self) -> str | int | float:
        """The number where there is one, else the text."""
        return self.text if self.number is None else self.number


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of a matrix: a list or range has one name, a CSV file one a column.

    `rows[i]` holds one value per name. `source` is the CSV file as written, if any.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Bounds on the number of workers."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Interruptible capacity; `fallback_on_demand` when none can be had."""

    fallback_on_demand: bool = False
    base_on_demand: int = 0


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """This machine."""

    max_workers: int
    threads_per_worker: int = 1
    processes: bool = False
    containers: str = "none"


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """A Slurm partition; `walltime_s` in seconds."""

    queue: str | None = None
    account: str | None = None
    walltime_s: int = 3600
    interface: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str | None = None
    licenses: str | None = None
    extra_args: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    runtime: str | None = None
    head: str = "job"
    comm_port: int | None = None


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """An AWS account and region.

    `worker_cpu` in CPU units (1024 = 1 vCPU), `worker_mem_mib` in MiB; both None when the
    largest component decides. `ephemeral_gb` is None for the 20 GB that come with a task.
    """

    worker_cpu: int | None = None
    worker_mem_mib: int | None = None
    instance_type: str | None = None
    arch: str = "x86_64"
    ephemeral_gb: int | None = None
    volume_gb: int | None = None
    public_ip: bool = True
    vpc: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    execution_role_arn: str | None = None
    task_role_arn: str | None = None
    instance_profile: str | None = None
    ami: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    comm_port: int | None = None


@dataclass(frozen=True, slots=True)
class GcpOptions:
    """A Google Cloud project and region; `worker_cpu` in vCPUs, `worker_mem_mib` in MiB."""

    worker_cpu: Decimal | None = None
    worker_mem_mib: int | None = None
    instance_type: str | None = None
    project_id: str | None = None
    zone: str | None = None
    service_account: str | None = None
    vpc: str | None = None
    subnets: tuple[str, ...] = ()
    public_ip: bool = False
    volume_gb: int | None = None
    cluster: str | None = None
    namespace: str | None = None
    autopilot: bool = True
    comm_port: int | None = None


@dataclass(frozen=True, slots=True)
class KubernetesOptions:
    """Any cluster of the kubeconfig."""

    context: str | None = None
    namespace: str = "default"
    service_account: str | None = None
    node_selector: tuple[tuple[str, str], ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    worker_cpu: Decimal | None = None
    worker_mem_mib: int | None = None
    comm_port: int | None = None


TargetOptions = LocalOptions | SlurmOptions | AwsOptions | GcpOptions | KubernetesOptions


@dataclass(frozen=True, slots=True)
class Target:
    """A named place to run.

    `max_workers` is the largest number of workers that a run may have there
    (`adaptive.maximum`, else `n_workers`, else `max_workers`).
    """

    name: str
    provider: Provider
    options: TargetOptions
    max_workers: int
    cluster_type: ClusterType | None = None
    region: str | None = None
    image: str | None = None
    adaptive: Adaptive | None = None
    spot: Spot | None = None
    overlay: str | None = None
    preload_script: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of the machine shown inside the component."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """How a component's image is built."""

    dockerfile: str = "Dockerfile"
    context: str = "."
    args: tuple[tuple[str, str], ...] = ()
    target: str | None = None
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """A resource profile with an image; one step of it takes `cpus` and `memory_bytes`.

    `memory_limited` tells that the manifest names the memory: then a step may not take more.
    """

    name: str
    cpus: Decimal = Decimal(1)
    memory_bytes: int = 1 << 30
    memory_limited: bool = False
    gpus: int = 0
    image: str | None = None
    build: Build | None = None
    runtime: str | None = None
    mounts: tuple[Mount, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    preload_script: str | None = None
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """What happens to a step's own failures. `backoff_s` is the first wait, doubled each time."""

    retries: int = 0
    backoff_s: float = 1.0
    memory_factor: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the manifest says one step takes; None where it does not say."""

    duration_s: Decimal | None = None
    output_bytes: int | None = None
    transfer_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """What a step reads: an output of a task, or a file of the project.

    Exactly one of (`task`, `output`) and `path` is set.
    """

    name: str
    task: str | None = None
    output: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A node of the manifest.

    `command` is a template for `sh -c` (str) or an argument list (tuple); `python` is
    "module:function"; neither means that the project's workflow does it. `code` are the
    patterns of the project files that its steps see; None means all of them. `checkpoint` is
    a path that is kept when an attempt is interrupted and given to the next one.
    """

    name: str
    component: str
    place: Place
    needs: tuple[str, ...] = ()
    matrix: tuple[Axis, ...] = ()
    zip: bool = False
    command: str | tuple[str, ...] | None = None
    python: str | None = None
    inputs: tuple[Input, ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    code: tuple[str, ...] | None = None
    env: tuple[tuple[str, str], ...] = ()
    cache: bool = True
    retry: Retry = field(default_factory=Retry)
    timeout_s: float | None = None
    checkpoint: str | None = None
    declared: Declared = field(default_factory=Declared)

    @property
    def matrix_names(self) -> tuple[str, ...]:
        """The matrix names in the order of the manifest."""
        return tuple(name for axis in self.matrix for name in axis.names)

    @property
    def steps(self) -> int:
        """How many steps this task has."""
        return prod(len(axis.rows) for axis in self.matrix)

    @property
    def runs_in_workflow(self) -> bool:
        """Whether the project's workflow does this task."""
        return self.command is None and self.python is None


@dataclass(frozen=True, slots=True)
class Project:
    """What holds for all of the manifest. `code` is "bundle" or "none"."""

    name: str
    default_storage: str
    local_cache: str
    workflow: str | None = None
    budget: Decimal | None = None
    code: str = "bundle"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest resolved for one target: variables expanded, overlay applied.

    `path` is the manifest file as the user named it, `folder` the absolute folder that
    relative paths start from. `lock` is the SHA-256 of the canonical resolved form.
    """

    path: str
    folder: str
    project: Project
    target: Target
    target_names: tuple[str, ...]
    components: tuple[Component, ...]
    tasks: tuple[Task, ...]
    lock: str
    warnings: tuple[Problem, ...] = ()

    def component(self, name: str) -> Component:
        """The component called `name`; raises KeyError."""
        return {component.name: component for component in self.components}[name]

    def task(self, name: str) -> Task:
        """The task called `name`; raises KeyError."""
        return {task.name: task for task in self.tasks}[name]
