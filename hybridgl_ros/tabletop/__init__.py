"""A simulated tabletop: scenes with their truth, the format they are stored in, and their renderer.

Reading a set needs nothing special; rendering one needs the extra ``hybridgl_ros[sim]``.
"""

from .dataset import (
    TabletopScene,
    TabletopSet,
    TabletopSetError,
    TabletopWriter,
    heldout_path,
    validation_path,
)
from .truth import Expression, ObjectTruth

__all__ = [
    "Expression",
    "ObjectTruth",
    "TabletopScene",
    "TabletopSet",
    "TabletopSetError",
    "TabletopWriter",
    "heldout_path",
    "validation_path",
]
