"""The manifest's language as one table: every section, key, kind, unit, range and default."""

from __future__ import annotations

from decimal import Decimal

from scalable_cli.manifest.kinds import (
    Choice,
    DataSize,
    Duration,
    Either,
    Factor,
    Flag,
    Image,
    Integer,
    Key,
    ListOf,
    MapOf,
    Memory,
    Money,
    Number,
    Raw,
    Record,
    Storage,
    Text,
)

VERSION = "1"
SECTIONS = ("version", "project", "targets", "components", "tasks", "overlays")
REQUIRED_SECTIONS = ("version", "project", "targets", "components", "tasks")
OVERLAID = ("project", "targets", "components", "tasks")

NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
NAME_FORM = "letters, digits, _ and -, at most 63"
_TEXT = Text()
_TEXTS = ListOf(_TEXT)
_PORT = Integer(1, 65535)
_WORKERS = Integer(1, 10_000)
_ENV = MapOf(
    Text(empty=True), r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _, not beginning with a digit"
)

PROJECT = Record(
    "the project",
    (
        Key(
            "name",
            Text(
                r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
                "lower case letters, digits and hyphens",
                code="E212",
            ),
            "names runs and cloud objects",
            required=True,
        ),
        Key("default_storage", Storage(), "where runs are kept", "./scalable-runs"),
        Key("local_cache", _TEXT, "where this machine remembers", "./.scalable/cache"),
        Key("workflow", _TEXT, "the Python file that does tasks without a command", "workflow.py"),
        Key("budget", Money(), "what one run may cost", unit="USD"),
        Key("code", Choice(("bundle", "none")), "whether project files travel", "bundle"),
    ),
)

ADAPTIVE = Record(
    "adaptive",
    (
        Key("minimum", Integer(0, 10_000), "workers that always run", "0"),
        Key("maximum", _WORKERS, "workers at most", required=True),
    ),
)
SPOT = Record(
    "spot",
    (
        Key("fallback", Choice(("none", "on_demand")), "what if there is none", "none"),
        Key("base", Integer(0, 10_000), "workers that are never spot", "0"),
    ),
)

PROVIDERS = ("local", "slurm", "aws", "gcp", "kubernetes")
CLUSTER_TYPES = {"aws": ("fargate", "ec2", "eks"), "gcp": ("cloud_run", "gke", "gce")}

_COMMON = (
    Key("provider", Choice(PROVIDERS, "provider"), "the brand of the place", required=True),
    Key("image", Image(), "the image of components that have none"),
    Key("adaptive", ADAPTIVE, "bounds on the number of workers"),
    Key("n_workers", _WORKERS, "a fixed number of workers"),
    Key("max_workers", _WORKERS, "workers at most", "1"),
    Key("overlay", _TEXT, "the overlay that belongs to the target"),
    Key("preload_script", _TEXT, "a script that each worker runs first"),
    Key("tags", MapOf(Text(empty=True)), "labels on everything that is started"),
)
_CPUS = Key("worker_cpu", Number(), "the size of a worker", unit="vCPU")
_MEM = Key("worker_mem", Integer(64, 32_000_000), "the memory of a worker", unit="MiB")
_COMM_PORT = Key("comm_port", _PORT, "the port of the head")
_REGION = Key("region", _TEXT, "where in the world", required=True)
_CLUSTER_TYPE = Key("cluster_type", _TEXT, "the service that runs head and workers")
_INSTANCE = Key("instance_type", _TEXT, "the machine type")
_SPOT = Key("spot", Either(Flag(), SPOT), "whether capacity may be interrupted", "false")
_VOLUME = Key("volume_gb", Integer(8, 65_536), "the root disk", unit="GB")
_NAMESPACE = Key("namespace", _TEXT, "the Kubernetes namespace", "default")
_NETWORK = (
    Key("vpc", _TEXT, "the network"),
    Key("subnets", _TEXTS, "the subnets"),
)

TARGETS: dict[str, Record] = {
    "local": Record(
        "a local target",
        (
            *_COMMON,
            Key("threads_per_worker", Integer(1, 1024), "threads of a worker", "1"),
            Key("processes", Flag(), "whether workers are processes", "false"),
            Key(
                "containers",
                Choice(("none", "docker", "apptainer")),
                "what runs the components' images",
                "none",
            ),
        ),
    ),
    "slurm": Record(
        "a slurm target",
        (
            *_COMMON,
            Key("queue", _TEXT, "the partition"),
            Key("account", _TEXT, "the account that is charged"),
            Key("walltime", Duration(60), "how long a job may run", "01:00:00"),
            Key("interface", _TEXT, "the network interface, such as ib0"),
            Key("qos", _TEXT, "the quality of service"),
            Key("constraint", _TEXT, "features that nodes must have"),
            Key("gres", _TEXT, "generic resources, such as gpu:1"),
            Key("licenses", _TEXT, "licenses, such as gams:1"),
            Key("extra_args", _TEXTS, "further options of sbatch"),
            Key("prologue", _TEXTS, "shell lines that a job runs first"),
            Key("modules", _TEXTS, "environment modules that a job loads"),
            Key("runtime", Choice(("apptainer", "none")), "what runs the components' images"),
            Key("head", Choice(("job", "login")), "where the head runs", "job"),
            _COMM_PORT,
        ),
    ),
    "aws": Record(
        "an aws target",
        (
            *_COMMON,
            _REGION,
            _CLUSTER_TYPE,
            _INSTANCE,
            Key(
                "worker_cpu",
                Integer(1, 1_000_000),
                "the size of a worker; 1024 is one vCPU",
                unit="CPU units",
            ),
            _MEM,
            _SPOT,
            Key("arch", Choice(("x86_64", "arm64")), "the processor", "x86_64"),
            Key("ephemeral_gb", Integer(21, 200), "disk of a Fargate worker", unit="GB"),
            _VOLUME,
            Key("public_ip", Flag(), "whether workers have public addresses", "true"),
            *_NETWORK,
            Key("security_groups", _TEXTS, "the firewalls"),
            Key("execution_role_arn", _TEXT, "the role that starts tasks"),
            Key("task_role_arn", _TEXT, "the role that steps have"),
            Key("instance_profile", _TEXT, "the role of EC2 machines"),
            Key("ami", _TEXT, "the machine image"),
            Key("cluster", _TEXT, "an existing ECS or EKS cluster"),
            _NAMESPACE,
            _COMM_PORT,
        ),
    ),
    "gcp": Record(
        "a gcp target",
        (
            *_COMMON,
            _REGION,
            _CLUSTER_TYPE,
            _INSTANCE,
            _CPUS,
            _MEM,
            _SPOT,
            Key("project_id", _TEXT, "the Google Cloud project"),
            Key("zone", _TEXT, "the zone of machines"),
            Key("service_account", _TEXT, "the account that steps have"),
            *_NETWORK,
            Key("public_ip", Flag(), "whether workers have public addresses", "false"),
            _VOLUME,
            Key("cluster", _TEXT, "an existing GKE cluster"),
            _NAMESPACE,
            Key("autopilot", Flag(), "whether GKE is of the Autopilot kind", "true"),
            _COMM_PORT,
        ),
    ),
    "kubernetes": Record(
        "a kubernetes target",
        (
            *_COMMON,
            Key("context", _TEXT, "the context of the kubeconfig"),
            _NAMESPACE,
            Key("service_account", _TEXT, "the account of the pods"),
            Key("node_selector", MapOf(Text(empty=True)), "labels that nodes must have"),
            Key("image_pull_secrets", _TEXTS, "secrets that pull images"),
            _CPUS,
            _MEM,
            _COMM_PORT,
        ),
    ),
}

BUILD = Record(
    "build",
    (
        Key("dockerfile", _TEXT, "the Dockerfile", "Dockerfile"),
        Key("context", _TEXT, "the folder that is sent to docker", "."),
        Key("args", MapOf(Text(empty=True)), "build arguments"),
        Key("target", _TEXT, "the stage"),
        Key("secrets", _TEXTS, "build secrets"),
    ),
)

COMPONENT = Record(
    "a component",
    (
        Key("image", Image(), "the image that its steps run in"),
        Key("build", BUILD, "how the image is built"),
        Key("runtime", Choice(("docker", "apptainer")), "what runs the image"),
        Key("cpus", Number(most=Decimal(1024)), "processors of a step", "1"),
        Key("memory", Memory(), "memory of a step", "1G"),
        Key("gpus", Integer(0, 64), "GPUs of a step", "0"),
        Key("mounts", MapOf(_TEXT), "folders of the machine shown inside"),
        Key("env", _ENV, "environment of a step"),
        Key("tags", _TEXTS, "words for people"),
        Key("preload_script", _TEXT, "a script that each worker runs first"),
        Key("modules", _TEXTS, "environment modules that a worker loads"),
    ),
)

TASK = Record(
    "a task",
    (
        Key("component", _TEXT, "what its steps run in", required=True),
        Key("needs", _TEXTS, "tasks that come first"),
        Key("matrix", Raw("lists, ranges or a CSV file"), "one step for each combination"),
        Key("zip", Flag(), "whether equal matrix values are paired with those needed", "false"),
        Key(
            "command",
            Either(Text(verbatim=True), ListOf(Text(verbatim=True, empty=True))),
            "what a step runs: text for sh -c, or a list of arguments",
        ),
        Key(
            "python",
            Text(
                r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*",
                "module:function",
            ),
            "the function that a step calls",
        ),
        Key("inputs", MapOf(_TEXT, NAME, NAME_FORM), "task.output, or a file of the project"),
        Key("outputs", MapOf(_TEXT, NAME, NAME_FORM), "the files or folders that a step makes"),
        Key("code", _TEXTS, "patterns of the project files that its steps see"),
        Key("env", _ENV, "environment of a step"),
        Key("cache", Flag(), "whether results are used again", "true"),
        Key("retries", Integer(0, 100), "further attempts after a failure", "0"),
        Key("backoff", Duration(0), "the first wait, doubled each time", "1s", unit="s"),
        Key(
            "retry",
            Record("retry", (Key("memory", Factor(), "more memory after running out", "x1"),)),
            "how attempts differ",
        ),
        Key("checkpoint", _TEXT, "a path kept between interrupted attempts"),
        Key("timeout", Duration(), "the longest that an attempt may take", unit="s"),
        Key(
            "estimate",
            Record(
                "estimate",
                (
                    Key("duration", Duration(), "how long a step takes", unit="s"),
                    Key("output", DataSize(), "what a step stores"),
                    Key("transfer", DataSize(), "what of it leaves the cloud"),
                ),
            ),
            "what one step takes",
        ),
    ),
)


def providers_of(option: str) -> tuple[str, ...]:
    """The providers that have `option`."""
    return tuple(
        name for name, record in TARGETS.items() if any(key.name == option for key in record.keys)
    )
