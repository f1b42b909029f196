"""The diffusion model, loaded from its authors' layout, attends as it did in Ref-Diff's published code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from golden_scene import TOLERANCE, cat, furthest, recorded
from safetensors.torch import save_file
from seeded_diffusion import seeded_state
from test_golden_ref_diff import TEXTS

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.evaluation.methods import _attention_maps
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.methods.ref_diff import EncodedRefDiff, RefDiff, RefDiffValues
from hybridgl_ros.models.digest import sha256_of
from hybridgl_ros.models.registry import find_checkpoint

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

SMALL = {
    "unet": {"block_out_channels": [32, 64, 128, 128], "layers_per_block": 1, "cross_attention_dim": 32},
    "vae": {"block_out_channels": [32, 64, 128, 128], "layers_per_block": 1},
    "text": {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4},
}
SIDE = 256


@pytest.fixture(scope="module")
def published():
    return recorded("systems/ref_diff_small")


@pytest.fixture(scope="module")
def checkpoint():
    return find_checkpoint("stable_diffusion_v1_5", "diffusion")


@pytest.fixture(scope="module")
def config(checkpoint):
    """Stable Diffusion's own networks, narrower and with fewer layers."""
    whole = json.loads(Path(checkpoint.architecture).read_text(encoding="utf-8"))
    return {part: {**arguments, **SMALL[part]} for part, arguments in whole.items()}


@pytest.fixture(scope="module")
def state(published):
    return seeded_state(json.loads(str(published["state"])).items())


@pytest.fixture(scope="module")
def encoded(config, state, checkpoint):
    from hybridgl_ros.evaluation.methods._diffusion import build_diffusion

    diffusion = build_diffusion(config, state, checkpoint, torch.device("cpu"))
    values = replace(values_for("ref-diff", RefDiffValues), side=SIDE)

    class Segmenter:
        clip = None

    return EncodedRefDiff(RefDiff(Segmenter(), None, diffusion, values), cat())


def test_the_latent_picture(encoded, published):
    assert furthest(encoded._latent[0], published["latent"]) < TOLERANCE


@pytest.mark.parametrize("number", range(3))
def test_the_attention_to_the_subject(number, encoded, published, monkeypatch):
    kept = []
    monkeypatch.setattr(
        "hybridgl_ros.evaluation.methods.ref_diff.heat",
        lambda *arguments: kept.append(_attention_maps.heat(*arguments)) or kept[-1],
    )
    attention = encoded.attention(TEXTS[number], int(published[f"index_{number}"]))
    assert attention.shape == cat().size
    # Before it is brought to the 256 levels of a picture, where a step may fall either way.
    assert furthest(kept[0], published[f"heat_{number}"].mean(axis=0)) < TOLERANCE


def test_it_is_loaded_by_its_registry_name(config, state, encoded, tmp_path, monkeypatch):
    from hybridgl_ros.evaluation.methods._diffusion import load_diffusion

    file = tmp_path / "small.safetensors"
    save_file({**state, "model_ema.decay": torch.zeros(())}, file)
    (tmp_path / "small.json").write_text(json.dumps(config), encoding="utf-8")
    entry = {"kind": "diffusion", "architecture": "small.json", "file": file.name, "sha256": sha256_of(file)}
    (tmp_path / "own.yaml").write_text(json.dumps({"small": entry}), encoding="utf-8")
    monkeypatch.setenv("HYBRIDGL_REGISTRY", str(tmp_path / "own.yaml"))
    loaded, texts = load_diffusion("small", "cpu"), ["", "a cat, "]
    assert torch.equal(loaded.text_states(texts), encoded._method.diffusion.text_states(texts))
    picture = _attention_maps.square_picture(cat().image, SIDE)
    first, second = (
        model.latent(picture, torch.Generator().manual_seed(0)) for model in (loaded, encoded._method.diffusion)
    )
    assert torch.equal(first, second)


def test_weights_that_do_not_fit_are_named(config, state, checkpoint):
    from hybridgl_ros.evaluation.methods._diffusion import build_diffusion

    damaged = {name: value for name, value in state.items() if "time_embed.0" not in name}
    with pytest.raises(WeightsError, match="2 missing: time_embedding.linear_1"):
        build_diffusion(config, damaged, checkpoint, torch.device("cpu"))
