"""The numbers that a machine is compared with; they lie in `config/doctor/limits.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hybridgl_ros.config import find_file, read_yaml


@dataclass(frozen=True)
class Limits:
    """See the file for each of them."""

    distributions: tuple[str, ...]
    pythons: tuple[str, str]
    usual_segment: int
    segments: int
    program: int
    parameter_bytes: Mapping[str, int]
    working: Mapping[str, int]


@lru_cache(maxsize=1)
def limits() -> Limits:
    """The shipped limits."""
    content = read_yaml(find_file("doctor/limits.yaml"))
    first, last = content.pop("pythons")
    return Limits(distributions=tuple(content.pop("distributions")), pythons=(first, last), **content)
