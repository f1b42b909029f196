"""What the segmenter needs of a proposal model."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.settings import ProposalSettings
from hybridgl_ros.types import Proposals


class ProposalGenerator(Protocol):
    """Anything that finds masks in an image."""

    def generate(self, image: np.ndarray, settings: ProposalSettings, progress: Progress = unwatched) -> Proposals:
        """Masks of a H×W×3 uint8 RGB image; none is a valid result. progress: called with `proposals` before each
        batch."""
        ...
