"""Why a request got no answer, in kinds that can be counted."""

from __future__ import annotations

from hybridgl_ros.errors import ExpressionError, HybridGLError, ImageError, OutOfMemoryError, StoppedError

LOADING = "models loading"
NO_MODELS = "no models"
INACTIVE = "node inactive"
NO_IMAGE = "no image"
TOO_MANY = "too many waiting"
DEADLINE = "deadline"
CANCELLED = "cancelled"
ENDING = "node ending"
BAD_EXPRESSION = "bad expression"
BAD_IMAGE = "bad image"
NO_MEMORY = "out of memory"
DEFECT = "defect"
OTHER = "other"

KINDS: tuple[tuple[type[Exception], str], ...] = (
    (StoppedError, CANCELLED),
    (ExpressionError, BAD_EXPRESSION),
    (OutOfMemoryError, NO_MEMORY),
    (ImageError, BAD_IMAGE),
    (HybridGLError, OTHER),
)


class RefusedError(HybridGLError):
    """A request that is not taken up: nothing to look at yet, models not ready, or too much to do."""

    def __init__(self, problem: str, kind: str = OTHER) -> None:
        super().__init__(problem)
        self.kind = kind


def kind_of(error: Exception) -> str:
    """The kind of refusal that an exception stands for; one that is no HybridGLError is a defect."""
    if isinstance(error, RefusedError):
        return error.kind
    return next((kind for known, kind in KINDS if isinstance(error, known)), DEFECT)
