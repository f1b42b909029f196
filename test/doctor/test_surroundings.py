"""What the doctor sees of this machine."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from hybridgl_ros.doctor import hardware, surroundings
from hybridgl_ros.doctor.limits import limits
from hybridgl_ros.models.loading import SAM_BUILDERS
from hybridgl_ros.models.registry import checkpoints
from hybridgl_ros.resources import config_directory


@pytest.fixture
def no_dds(monkeypatch):
    for name in hardware.DDS_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_shipped_profile_is_read(monkeypatch, no_dds, tmp_path):
    profile = config_directory() / "dds" / "fastdds.xml"
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(profile))
    seen = surroundings.dds(tmp_path, tmp_path)
    assert (seen.segment, seen.profile_error, seen.shipped) == (32 * 2**20, "", profile)
    assert seen.total and seen.free is not None and seen.free <= seen.total


def test_a_profile_in_the_current_folder_counts(no_dds, tmp_path):
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").write_text("<dds/>")
    seen = surroundings.dds(tmp_path, tmp_path / "none")
    assert seen.own_profile == str(tmp_path / "DEFAULT_FASTDDS_PROFILES.xml")
    assert (seen.segment, seen.profile_error, seen.total) == (None, "", None)


@pytest.mark.parametrize("content", [None, "no xml", "<a><segment_size>large</segment_size></a>"])
def test_a_profile_that_cannot_be_read_is_told(monkeypatch, no_dds, tmp_path, content):
    if content is not None:
        (tmp_path / "p.xml").write_text(content)
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(tmp_path / "p.xml"))
    assert surroundings.dds(tmp_path, tmp_path).profile_error


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", ""),
        ("raise ImportError('numpy.core.multiarray failed to import')", "numpy.core.multiarray"),
        ("import sys; sys.stderr.write('was compiled using NumPy 1.x\\n'); sys.exit(1)", "compiled using NumPy 1"),
        ("import os; os._exit(7)", "code 7"),
    ],
)
def test_a_bridge_is_tried_in_a_process_of_its_own(monkeypatch, tmp_path, source, said):
    (tmp_path / "cv_bridge" / "boost").mkdir(parents=True)
    (tmp_path / "cv_bridge" / "__init__.py").write_text(source)
    (tmp_path / "cv_bridge" / "boost" / "cv_bridge_boost.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    error = surroundings.bridge_error()
    assert said in error and bool(error) == bool(said)


def test_a_broken_torchvision_is_an_error_of_the_pair(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    state = surroundings.torch_state()
    assert state.version and "torchvision" in state.error


def test_missing_weights_carry_their_cure(monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    assert "hybridgl download sam_vit_b" in surroundings.weights("sam_vit_b", "sam").error
    assert "did you mean" in surroundings.weights("sam_vit_x", "sam").error
    assert not surroundings.weights("sam_tabletop", "sam").error


def test_a_missing_pipeline_is_told():
    config = SimpleNamespace(models=SimpleNamespace(spacy="en_core_web_none"))
    name, error = surroundings.language_pipeline(config)
    assert not name and "en_core_web_none" in error


def test_the_limits_name_what_there_is():
    assert limits().working.keys() == SAM_BUILDERS.keys()
    assert set(limits().parameter_bytes) <= set(checkpoints())
