"""`hybridgl models`: what checkpoints there are."""

from __future__ import annotations

from hybridgl_ros.commands.options import WeightsFolder
from hybridgl_ros.commands.output import show
from hybridgl_ros.reference import models_table


def models(cache: WeightsFolder = None) -> None:
    """List the checkpoints: size, licence, and where each one is."""
    show(models_table(cache))
