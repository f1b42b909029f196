"""Models of several files: fetched or copied into one folder, their sums written down and compared at every load."""

from __future__ import annotations

from types import SimpleNamespace

import huggingface_hub
import pytest

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.models.cache import checked_weights
from hybridgl_ros.models.digest import sha256_of
from hybridgl_ros.models.download import download
from hybridgl_ros.models.registry import find_checkpoint


@pytest.fixture
def checkpoint():
    return find_checkpoint("blip2_opt", "captioner")


@pytest.fixture
def files(tmp_path):
    """A folder with a model of two files and something else."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"code")
    return folder


@pytest.fixture
def hub(monkeypatch, files):
    """A hub that has the files, at one commit, and states the weights' SHA-256."""
    stated = {"model.safetensors": sha256_of(files / "model.safetensors")}

    class Api:
        def __init__(self, endpoint=None):
            pass

        def model_info(self, repository, files_metadata):
            assert repository == "Salesforce/blip2-opt-2.7b" and files_metadata
            siblings = [
                SimpleNamespace(rfilename=name, lfs=SimpleNamespace(sha256=digest)) for name, digest in stated.items()
            ]
            return SimpleNamespace(sha="abc", siblings=[*siblings, SimpleNamespace(rfilename="config.json", lfs=None)])

    def snapshot_download(repository, revision, local_dir, allow_patterns, endpoint):
        assert revision == "abc" and "*.bin" not in allow_patterns
        local_dir.mkdir(parents=True)
        for name in ("model.safetensors", "config.json"):
            (local_dir / name).write_bytes((files / name).read_bytes())

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return stated


def test_a_repository_is_fetched_and_found_good(checkpoint, hub, tmp_path):
    sums = download(checkpoint, cache=tmp_path / "cache")
    names = [line.split("  ")[1] for line in sums.read_text().splitlines()]
    assert sorted(names) == ["config.json", "model.safetensors"]
    assert checked_weights(checkpoint, tmp_path / "cache") == sums
    # Nothing is asked again.
    hub["model.safetensors"] = "0" * 64
    assert download(checkpoint, cache=tmp_path / "cache") == sums


def test_what_differs_from_what_the_hub_states_is_refused(checkpoint, hub, tmp_path):
    hub["model.safetensors"] = "0" * 64
    with pytest.raises(WeightsError, match=r"model.safetensors: damaged on the way"):
        download(checkpoint, cache=tmp_path / "cache")
    with pytest.raises(WeightsError, match="run: hybridgl download blip2_opt"):
        checked_weights(checkpoint, tmp_path / "cache")


def test_a_local_folder_is_taken(checkpoint, files, tmp_path):
    sums = download(checkpoint, cache=tmp_path / "cache", source=files)
    assert sorted(file.name for file in sums.parent.iterdir()) == ["SHA256SUMS", "config.json", "model.safetensors"]
    with pytest.raises(WeightsError, match="no folder with .safetensors files"):
        download(checkpoint, cache=tmp_path / "other", source=tmp_path)


def test_a_file_that_was_changed_is_named(checkpoint, files, tmp_path):
    sums = download(checkpoint, cache=tmp_path / "cache", source=files)
    (sums.parent / "config.json").write_text("{ }")
    with pytest.raises(WeightsError, match=r"config.json is not what was downloaded"):
        checked_weights(checkpoint, tmp_path / "cache")
    (sums.parent / "config.json").unlink()
    with pytest.raises(WeightsError, match="run: hybridgl download blip2_opt"):
        checked_weights(checkpoint, tmp_path / "cache")
