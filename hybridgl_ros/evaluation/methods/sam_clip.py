"""SAM-CLIP: every proposal cut out along its mask, cropped to its box, compared with the sentence by CLIP."""

from __future__ import annotations

from hybridgl_ros.evaluation.methods.hybridgl import build

__all__ = ["SETTINGS", "build"]

SETTINGS = {
    "scoring.method": "fusion",
    "features.mode": "cropped",
    "text.sentence_weight": 1.0,
    "relations.enabled": False,
    "guidance.coherence": False,
    "guidance.position": False,
}
