"""Zero-shot referring segmentation: an image and an expression in, the referent's mask out (HybridGL, CVPR 2025)."""

from __future__ import annotations

from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

# In a checkout the modules lie here and the generated messages below install/; both are one package.
__path__ = extend_path(__path__, __name__)

if TYPE_CHECKING:
    from hybridgl_ros.segmenter import ReferringSegmenter
    from hybridgl_ros.types import Answer, Candidate, Parse, Proposals, Scene

__version__ = "0.1.0"
__all__ = ["Answer", "Candidate", "Parse", "Proposals", "ReferringSegmenter", "Scene"]


def __getattr__(name: str) -> Any:
    """Import on first use: the messages and the command line must not wait for torch."""
    import importlib

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "segmenter" if name == "ReferringSegmenter" else "types"
    return getattr(importlib.import_module(f"hybridgl_ros.{module}"), name)
