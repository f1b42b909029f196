"""Errors a caller can act on. Everything else is a defect."""


class HybridGLError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(HybridGLError):
    """A configuration names an unknown setting, misses one, or holds a value out of its range."""


class ExpressionError(HybridGLError, ValueError):
    """An expression that cannot be understood at all: empty or blank."""


class ImageError(HybridGLError, ValueError):
    """An image (or its masks) of a wrong shape, type or size."""


class PlaceError(HybridGLError):
    """Why it cannot be said where an object is, in metres."""


class OutOfMemoryError(ImageError):
    """Memory ran out in the middle of the work on an image; smaller batches, or a smaller image, may fit."""


class StoppedError(HybridGLError):
    """Work that was ended because nobody wants its result any more."""


class WeightsError(HybridGLError):
    """Weights that are missing, incomplete or not what their checksum says."""


class DatasetError(HybridGLError):
    """A data set or bag that cannot be read; the message names file and entry."""
