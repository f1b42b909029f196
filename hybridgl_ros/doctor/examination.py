"""All checks, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.doctor import hardware, software
from hybridgl_ros.doctor.facts import Facts
from hybridgl_ros.doctor.findings import WRONG, Finding
from hybridgl_ros.doctor.limits import Limits

CHECKS: tuple[Callable[[Facts, Limits], Finding | None], ...] = (
    software.check_python,
    software.check_package,
    software.check_ros,
    software.check_messages,
    software.check_numpy,
    software.check_torch,
    software.check_device,
    software.check_config,
    software.check_pipeline,
    hardware.check_profile,
    hardware.check_shared_memory,
    hardware.check_memory,
    hardware.check_threads,
)


def examine(facts: Facts, limits: Limits) -> list[Finding]:
    """What every check says of the facts; those without anything to say are left out."""
    found = [finding for check in CHECKS if (finding := check(facts, limits)) is not None]
    return [*found, *software.check_weights(facts, limits)]


def is_well(findings: list[Finding]) -> bool:
    """Whether nothing is wrong; warnings do not count."""
    return all(finding.state != WRONG for finding in findings)
