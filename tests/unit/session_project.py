"""A small project whose tasks are done by a workflow."""

from __future__ import annotations

MANIFEST = """\
version: 1
project:
  name: study
  default_storage: ./runs
targets:
  local:
    provider: local
    max_workers: 2
  hpc:
    provider: slurm
    queue: batch
  aws:
    provider: aws
    region: us-east-1
    cluster_type: fargate
    worker_cpu: 4096
    worker_mem: 16384
    adaptive:
      minimum: 1
      maximum: 10
components:
  small:
    cpus: 1
    memory: 64M
  large:
    cpus: 2
    memory: 64M
tasks:
  simulate:
    component: small
  hungry:
    component: large
  hasty:
    component: small
    timeout: 1s
  fresh:
    component: small
    cache: false
  prepare:
    component: small
    command: echo 1 > {{ outputs.a }}
    outputs:
      a: a.txt
"""
