"""Tables of objects for the tests of expressions, placed by hand."""

from __future__ import annotations

from hybridgl_ros.tabletop.dataset import ObjectTruth
from hybridgl_ros.tabletop.grounding import Located
from hybridgl_ros.tabletop.objects import SIZES

WIDTH, HEIGHT, FOCAL = 320, 240, 300.0


def located(
    instance: int, shape: str, colour: str, x: float, y: float, z: float = 0.4, size: str = "large"
) -> Located:
    """An object whose box is centred at (x, y) pixels."""
    half = FOCAL * SIZES[size] / z / 2
    truth = ObjectTruth(
        instance, shape, colour, size, ((x - WIDTH / 2) / FOCAL * z, (y - HEIGHT / 2) / FOCAL * z, z), 1000
    )
    return Located(truth, (x - half, y - half, x + half, y + half))
