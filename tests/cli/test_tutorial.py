"""What the tutorial for beginners shows works as it is typed there."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

MANIFEST = """\
# scalable.yaml
version: 1
project:
  name: demeter-lulcc
  default_storage: s3://${S3_BUCKET}/scalable-runs/

targets:
  local:
    provider: local
    max_workers: 4
    processes: false
    containers: none

  aws:
    provider: aws
    region: us-east-1
    cluster_type: fargate
    instance_type: m5.xlarge
    worker_cpu: 4096          # 4 vCPUs (in Fargate units: 1024 = 1 vCPU)
    worker_mem: 16384         # 16 GB (in MB)
    image: 123456789.dkr.ecr.us-east-1.amazonaws.com/demeter:2.0.1
    adaptive:
      minimum: 1
      maximum: 10

components:
  analysis:
    cpus: 4
    memory: 16G

tasks:
  run_analysis:
    component: analysis
"""
ESTIMATE = """\
Cost estimate for target 'aws' (fargate, us-east-1)                         prices 2025-10-27
  Compute   $3.24   10 workers x 4 vCPU x 2 h x $0.04048/vCPU-h             declared
  Memory    $1.42   10 workers x 16 GB x 2 h x $0.004445/GB-h               declared
  Head      $0.10   1 vCPU, 2 GB x 2 h                                      declared
  IPv4      $0.11   11 addresses x 2 h x $0.005/h                           declared
  Transfer  $0.90   10 GB x $0.09/GB (first 100 GB a month are free)        declared
  ------------------------------------------------------------------------
  Total     $5.77   one-time
  Storage   $1.15   a month, 50 GB x $0.023/GB
"""
BUCKET = {"S3_BUCKET": "my-bucket"}
USAGE = ("--hours", "2", "--output-gb", "50", "--transfer-gb", "10")


@pytest.fixture(autouse=True)
def tutorial(project) -> None:
    project({"scalable.yaml": MANIFEST})


def test_the_plan_of_the_tutorial_prices_its_run(scalable) -> None:
    command = ("plan", "./scalable.yaml", "--target", "aws", "--dry-run")
    result = scalable(*command, *USAGE, env=BUCKET)

    assert (result.code, result.err) == (0, "")
    assert ESTIMATE in result.out


def test_the_same_in_json_adds_up(scalable) -> None:
    result = scalable("plan", "--target", "aws", *USAGE, "--json", env=BUCKET)
    estimate = json.loads(result.out)["estimate"]

    assert (estimate["total"], estimate["monthly"]) == ("5.76954", "1.15")
    assert {line["what"]: Decimal(line["cost"]) for line in estimate["lines"]} == {
        "compute": Decimal("3.2384"),
        "memory": Decimal("1.4224"),
        "head": Decimal("0.09874"),
        "public_ipv4": Decimal("0.11"),
        "egress": Decimal("0.9"),
        "storage": Decimal("1.15"),
    }


def test_the_plan_works_as_typed_without_more_being_said(scalable) -> None:
    result = scalable("plan", "./scalable.yaml", "--target", "aws", "--dry-run", env=BUCKET)

    assert (result.code, result.err) == (0, "")
    assert "Cost estimate for target 'aws'" in result.out
    assert "does not start runs on fargate" in result.out


def test_what_this_version_cannot_start_is_said_in_one_line(scalable) -> None:
    result = scalable("run", "./scalable.yaml", "--target", "aws", env=BUCKET)

    assert (result.code, result.out) == (5, "")
    assert len(result.err.splitlines()) == 2
