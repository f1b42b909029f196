"""Class-agnostic mask proposals (§3.1)."""

from hybridgl_ros.proposals.masks import boxes_of, proposals_from_masks
from hybridgl_ros.proposals.protocol import ProposalGenerator

__all__ = ["ProposalGenerator", "boxes_of", "proposals_from_masks"]
