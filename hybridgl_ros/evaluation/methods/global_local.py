"""Global-Local (Yu et al., Zero-shot Referring Image Segmentation with Global-Local Context Features, CVPR 2023).

Visual: weighted sum of the whole image with masked tokens and the cropped region. Text: weighted sum of the
sentence and its target noun phrase. The weights are those its authors published for RefCOCO.
"""

from __future__ import annotations

from hybridgl_ros.evaluation.methods.hybridgl import build

__all__ = ["SETTINGS", "build"]

SETTINGS = {
    "scoring.method": "fusion",
    "features.mode": "G+L[41]",
    "features.global_weight": 0.95,
    "text.sentence_weight": 0.5,
    "relations.enabled": False,
    "guidance.coherence": False,
    "guidance.position": False,
}
