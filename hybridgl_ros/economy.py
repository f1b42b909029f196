"""Smaller batches when memory runs out: they change what work takes of it, and nothing of the results' meaning."""

from __future__ import annotations

from hybridgl_ros.config import replace, values_of
from hybridgl_ros.settings import Config

BATCHES = ("features.batch_size", "proposals.points_per_batch")


def with_halved_batches(config: Config, times: int = 1) -> Config:
    """The same configuration with its batch sizes halved so many times, but none below 1."""
    return replace(config, {name: max(1, size >> times) for name, size in batch_sizes(config).items()})


def batch_sizes(config: Config) -> dict[str, int]:
    """The batch sizes of a configuration, by setting."""
    values = values_of(config)
    return {name: values[name] for name in BATCHES}


def described(config: Config) -> str:
    """The batch sizes in words."""
    return ", ".join(f"{name} {size}" for name, size in batch_sizes(config).items())
