"""Weights of every format come out the same, nothing in a file is run, and damage is told with a remedy."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
import zipfile
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save, save_file

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.errors import ConfigError, WeightsError
from hybridgl_ros.models.clip_architectures import clip_config
from hybridgl_ros.models.embedded_sam import build_embedded_sam
from hybridgl_ros.models.loading import SAM_BUILDERS, find_device, load_clip, load_sam
from hybridgl_ros.models.registry import checkpoints
from hybridgl_ros.models.state import read_state
from hybridgl_ros.models.torchscript import is_torchscript, read_torchscript_state

TINY = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny() -> open_clip.CLIP:
    torch.manual_seed(1)
    return open_clip.CLIP(**TINY).eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def tiny_file(tmp_path):
    """Its arguments, beside the registry that `register` writes."""
    (tmp_path / "tiny.json").write_text(json.dumps(TINY))


def write_safetensors(model, path):
    save_file(model.state_dict(), path)


def write_packed(model, path):
    path.write_bytes(gzip.compress(save(model.state_dict())))


def write_state_dict(model, path):
    torch.save(model.state_dict(), path)


def write_training_checkpoint(model, path):
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"epoch": 3, "name": "run", "state_dict": state}, path)


def write_torchscript(model, path):
    """As OpenAI published CLIP: a traced module that has three numbers as buffers beside its weights."""
    traced = open_clip.CLIP(**TINY).eval()
    traced.load_state_dict(model.state_dict())
    for name in ("input_resolution", "context_length", "vocab_size"):
        if hasattr(traced, name):
            delattr(traced, name)
        traced.register_buffer(name, torch.tensor(7))
    example = (torch.zeros(1, 3, 32, 32), torch.zeros(1, 12, dtype=torch.long))
    torch.jit.save(torch.jit.trace(traced, example, check_trace=False, strict=False), path)


WRITERS = {
    "m.safetensors": write_safetensors,
    "m.safetensors.gz": write_packed,
    "m.pth": write_state_dict,
    "m.bin": write_training_checkpoint,
    "m.pt": write_torchscript,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRITERS)
def test_clip_from_every_format_answers_like_the_original(name, tiny, tmp_path, register):
    WRITERS[name](tiny, tmp_path / name)
    register("mine", "clip", "tiny.json", tmp_path / name)
    loaded = load_clip("mine")
    pixels = torch.randn(2, 3, 32, 32)
    texts = loaded.tokenize(["a red mug", "a ball"])
    clip = ClipEncoder(loaded)
    image = clip.project(clip.run(clip.embed(pixels), 0, len(clip.blocks)))[:, 0]
    torch.testing.assert_close(image, tiny.encode_image(pixels))
    torch.testing.assert_close(TextEncoder(clip).encode(["a red mug", "a ball"]), tiny.encode_text(texts))
    assert not loaded.model.training


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_archive_is_recognised_and_read_completely(tiny, tmp_path):
    write_torchscript(tiny, tmp_path / "m.pt")
    write_state_dict(tiny, tmp_path / "m.pth")
    assert is_torchscript(tmp_path / "m.pt")
    assert not is_torchscript(tmp_path / "m.pth")
    expected = torch.jit.load(tmp_path / "m.pt").state_dict()
    found = read_torchscript_state(tmp_path / "m.pt")
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.filterwarnings("ignore")
def test_views_and_half_precision_survive_a_torchscript_archive(tmp_path):
    class Shared(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            base = torch.arange(12.0).half()
            self.register_buffer("whole", base.view(3, 4))
            self.register_buffer("turned", base.view(3, 4).T[1:])
            self.register_buffer("empty", torch.zeros(0, 2))

        def forward(self, x):
            return x + self.whole.sum()

    torch.jit.save(torch.jit.script(Shared()), tmp_path / "shared.pt")
    state = read_state(tmp_path / "shared.pt")
    assert torch.equal(state["whole"], torch.arange(12.0).view(3, 4))
    assert torch.equal(state["turned"], torch.arange(12.0).view(3, 4).T[1:])
    assert state["empty"].shape == (0, 2)
    assert {value.dtype for value in state.values()} == {torch.float32}


class Malicious:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["torchscript", "state dict"])
def test_nothing_in_a_file_is_run(kind, tmp_path):
    trace, path = tmp_path / "was-run", tmp_path / "bad.pt"
    if kind == "torchscript":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("bad/data.pkl", pickle.dumps({"weight": Malicious(trace)}, protocol=2))
            archive.writestr("bad/constants.pkl", pickle.dumps((), protocol=2))
    else:
        torch.save({"weight": Malicious(trace)}, path)
    with pytest.raises(WeightsError, match=r"bad\.pt: not readable as weights"):
        read_state(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.safetensors", b"nonsense"),
        ("m.safetensors.gz", b"nonsense"),
        ("m.pth", b"nonsense"),
        ("m.safetensors.gz", gzip.compress(b"{" * 100, mtime=0)[:40]),
        ("m.pt", b"PK\x03\x04 nonsense"),
        ("m.pt", b""),
    ],
)
def test_files_that_are_no_weights_are_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="not readable as weights"):
        read_state(tmp_path / name)


def test_a_saved_object_without_weights_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "m.pt")
    with pytest.raises(WeightsError, match="holds no state dict"):
        read_state(tmp_path / "m.pt")


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"missing.*hybridgl download sam_vit_h$"):
        load_sam("sam_vit_h")
    with pytest.raises(WeightsError, match=r"missing.*hybridgl download clip_vit_b16$"):
        load_clip("clip_vit_b16")


def test_damaged_weights_name_the_command_and_both_digests(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    path = tmp_path / "clip_vit_b16" / "ViT-B-16.pt"
    path.parent.mkdir()
    path.write_bytes(b"half a download")
    with pytest.raises(WeightsError, match="damaged.*hybridgl download clip_vit_b16") as caught:
        load_clip("clip_vit_b16")
    assert str(path) in str(caught.value)
    assert checkpoints()["clip_vit_b16"].sha256 in str(caught.value)
    assert hashlib.sha256(b"half a download").hexdigest() in str(caught.value)


def test_a_file_that_changed_after_it_was_registered_is_refused(tiny, tmp_path, register):
    write_safetensors(tiny, tmp_path / "m.safetensors")
    register("mine", "clip", "tiny.json", tmp_path / "m.safetensors")
    load_clip("mine")
    content = bytearray((tmp_path / "m.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        load_clip("mine")


def test_weights_of_another_architecture_are_refused(tiny, tmp_path, register):
    write_safetensors(tiny, tmp_path / "m.safetensors")
    (tmp_path / "wide.json").write_text(json.dumps({**TINY, "embed_dim": 32}))
    register("small", "clip", "wide.json", tmp_path / "m.safetensors")
    register("sam", "sam", "embedded", tmp_path / "m.safetensors")
    with pytest.raises(WeightsError, match="weights of small do not fit .*wide.json"):
        load_clip("small")
    with pytest.raises(WeightsError, match="weights of sam do not fit embedded"):
        load_sam("sam")


def test_sam_answers_like_the_original(tmp_path, register):
    torch.manual_seed(2)
    original = build_embedded_sam().eval()
    save_file(
        {name: value.half().contiguous() for name, value in original.state_dict().items()}, tmp_path / "s.safetensors"
    )
    original.load_state_dict({name: value.half().float() for name, value in original.state_dict().items()})
    register("mine", "sam", "embedded", tmp_path / "s.safetensors")
    loaded = load_sam("mine")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert {value.device.type for value in [*loaded.parameters(), *loaded.buffers()]} == {"cpu"}
    batch = [
        {
            "image": torch.rand(3, 192, 256) * 255,
            "original_size": (192, 256),
            "point_coords": torch.tensor([[[100.0, 80.0]]]),
            "point_labels": torch.ones(1, 1),
        }
    ]
    with torch.inference_mode():
        expected, found = (model(batch, multimask_output=True)[0] for model in (original, loaded))
    assert torch.equal(found["low_res_logits"], expected["low_res_logits"])


@pytest.mark.parametrize(("architecture", "blocks"), [("vit_h", 32), ("vit_l", 24), ("vit_b", 12)])
def test_official_sam_sizes_are_built_without_a_second_copy(architecture, blocks, tmp_path, register):
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in SAM_BUILDERS[architecture]().state_dict().items()}
    torch.save({name: torch.ones(()).expand(shape) for name, shape in shapes.items()}, tmp_path / "s.pth")
    register("mine", "sam", architecture, tmp_path / "s.pth")
    sam = load_sam("mine")
    assert len(sam.image_encoder.blocks) == blocks
    assert {value.device.type for value in [*sam.parameters(), *sam.buffers()]} == {"cpu"}
    assert sam.pixel_mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])


def test_unknown_architectures_and_kinds_are_refused(tiny, tmp_path, register):
    write_safetensors(tiny, tmp_path / "m.safetensors")
    register("odd", "sam", "vit_z", tmp_path / "m.safetensors")
    with pytest.raises(ConfigError, match=r"'vit_z'.*vit_h, vit_l, vit_b, embedded"):
        load_sam("odd")
    with pytest.raises(ConfigError, match="is a sam checkpoint, wants clip"):
        load_clip("odd")


@pytest.mark.parametrize(
    "checkpoint", [entry for entry in checkpoints().values() if entry.kind == "clip"], ids=lambda entry: entry.name
)
def test_registered_clip_architectures_use_the_activation_of_their_weights(checkpoint):
    assert clip_config(checkpoint.architecture)["quick_gelu"]


def test_tokens_are_cut_and_padded_to_the_context(tiny, tmp_path, register):
    write_safetensors(tiny, tmp_path / "m.safetensors")
    register("mine", "clip", "tiny.json", tmp_path / "m.safetensors")
    clip = load_clip("mine")
    tokens = clip.tokenize(["mug", "mug " * 40])
    assert tokens.shape == (2, clip.context_length)
    assert tokens.dtype == torch.int64
    assert tokens[0, 3:].tolist() == [0] * 9
    assert [clip.count_tokens("mug"), clip.count_tokens("mug " * 40)] == [3, 42]


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == torch.device("cpu")
    assert find_device("cpu") == torch.device("cpu")
    for name in ("cuda:77", "toaster"):
        with pytest.raises(ConfigError, match=f"models.device: '{name}' cannot be used"):
            find_device(name)


@pytest.mark.parametrize(("name", "load"), [("sam_tabletop", load_sam), ("clip_tabletop", load_clip)])
def test_only_products_of_the_image_encoder_are_of_another_type(name, load):
    loaded = load(name, dtype=torch.bfloat16)
    model, tower = (loaded, "image_encoder.") if load is load_sam else (loaded.model, "visual.")
    types = {key: values.dtype for key, values in model.state_dict().items()}
    changed = {key for key, dtype in types.items() if dtype == torch.bfloat16}
    assert all(key.startswith(tower) for key in changed)
    exact = ("norm", "ln_", "neck.1", "neck.3", "pos", "embedding", "visual.proj")
    assert {key for key in types if key.startswith(tower)} - changed == {
        key for key in types if key.startswith(tower) and any(part in key for part in exact)
    }


@pytest.mark.parametrize(("name", "load"), [("sam_tabletop", load_sam), ("clip_tabletop", load_clip)])
def test_the_shipped_weights_are_those_of_their_cards(name, load):
    load(name)
    assert checkpoints()[name].file.stat().st_size < 15e6
