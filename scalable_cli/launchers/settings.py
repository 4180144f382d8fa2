"""Dask's settings wherever our steps run."""

from __future__ import annotations

# A worker that has not been heard of for so long is taken for lost.
SILENT_S = 30.0


def dask_settings(*, losses: int = 3) -> dict[str, object]:
    """Settings for schedulers and workers; a task survives the loss of `losses` workers."""
    return {
        "distributed.scheduler.allowed-failures": losses,
        "distributed.scheduler.worker-ttl": f"{SILENT_S:g}s",
        "distributed.scheduler.work-stealing": False,
        # Dask would limit every step to one OpenMP thread.
        "distributed.nanny.pre-spawn-environ": {},
        "distributed.worker.profile.enabled": False,
        "distributed.admin.system-monitor.interval": "5s",
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
    }
