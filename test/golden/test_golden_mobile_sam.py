"""MobileSAM, seeded, gives what its published code gave (ChaoningZhang/MobileSAM at 34bbbfd), whose input is fixed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_scene import cat, recorded
from seeded_sam import seeded_sam_state

from hybridgl_ros.models.loading import load_sam
from hybridgl_ros.proposals.decoder import decode_points
from hybridgl_ros.proposals.frame import Frame
from hybridgl_ros.proposals.sam import SamProposals

pytest.importorskip("timm")


def test_features_logits_and_ratings(register, tmp_path):
    published, image = recorded("systems/mobile_sam_seeded"), cat().image
    torch.save(seeded_sam_state(str(published["state"])), tmp_path / "mobile_sam.pt")
    register("seeded", "sam", "mobile_sam", tmp_path / "mobile_sam.pt")
    model = load_sam("seeded")
    size = image.shape[:2]
    points = Frame.of(model).points(published["points"].astype(float) / size[::-1], size, torch.device("cpu"))
    features = SamProposals(model).embed(image)
    with torch.inference_mode():
        found = list(decode_points(model, features, points, 0.0))
    np.testing.assert_allclose(features[0][0, ::8, ::8, ::8], published["embedding"], atol=1e-4)
    np.testing.assert_allclose(torch.stack([ratings for _, ratings in found]), published["ratings"], atol=1e-4)
    logits = torch.stack([some for some, _ in found])
    np.testing.assert_allclose(logits[:, :, ::16, ::16], published["logits"], atol=1e-3)
