"""Modules of libraries without what their packages import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hybridgl_ros.models.parts import part_of

UNWANTED = ("torchvision", "timm", "open_clip", "segment_anything", "torch._dynamo", "sympy")
START = f"""
import sys
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path
segmenter = ReferringSegmenter.from_config("embedded")
scene = segmenter.encode(TabletopSet(heldout_path())[0].image)
segmenter.refer(scene, "the cube on the left")
print(*(name for name in {UNWANTED} if name in sys.modules))
from segment_anything.modeling import Sam
from open_clip import SimpleTokenizer
"""


def test_an_answer_needs_neither_torchvision_nor_torchs_compiler_and_the_packages_can_be_imported_later():
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_module_of_a_package_that_somebody_imported_is_used():
    import segment_anything.modeling

    assert part_of("segment_anything", "modeling") is segment_anything.modeling


def test_a_missing_package_is_named():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        part_of("no_such_package", "module")
