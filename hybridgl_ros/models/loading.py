"""Build models and load their weights: name → registry → checked file → architecture → state dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hybridgl_ros.errors import ConfigError, WeightsError
from hybridgl_ros.models.cache import checked_weights
from hybridgl_ros.models.clip_architectures import clip_config
from hybridgl_ros.models.clip_weights import ClipWeights, is_plain
from hybridgl_ros.models.embedded_sam import build_embedded_sam
from hybridgl_ros.models.extras import check_library
from hybridgl_ros.models.layouts import native_clip
from hybridgl_ros.models.mobile_sam import build_mobile_sam
from hybridgl_ros.models.parts import part_of
from hybridgl_ros.models.precision import hold_in
from hybridgl_ros.models.registry import Checkpoint, find_checkpoint
from hybridgl_ros.models.sam2 import HIERA_SIZES, build_sam2
from hybridgl_ros.models.sam_layouts import native_sam
from hybridgl_ros.models.state import read_state
from hybridgl_ros.models.unfilled import unfilled

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

PUBLISHED_SAM = part_of("segment_anything", "build_sam").sam_model_registry
SAM_BUILDERS: dict[str, Callable[[], Sam]] = {
    **{name: PUBLISHED_SAM[name] for name in ("vit_h", "vit_l", "vit_b")},
    "embedded": build_embedded_sam,
    "mobile_sam": build_mobile_sam,
    **{name: partial(build_sam2, sizes) for name, sizes in HIERA_SIZES.items()},
}
# OpenAI's statistics of RGB in 0–1.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# Archives hold these beside the weights; open_clip computes them. A bias of all cosines changes no comparison of them.
UNUSED = ("input_resolution", "context_length", "vocab_size", "attn_mask", "logit_bias")
# Names that an error lists.
NAMED = 5


@dataclass(frozen=True)
class ClipModel:
    """A loaded CLIP.

    model: in evaluation mode, float32 but for what `hold_in` changes: a ClipWeights, or open_clip's CLIP where that
    is no plain one. tokenize: texts → B×context_length int64 token ids, 0 padded; longer texts are cut. count_tokens:
    how many a text has, start and end included.
    mean, std: RGB statistics the image tower expects, of pixels in 0–1.
    """

    model: nn.Module
    tokenize: Callable[[Sequence[str]], Tensor]
    count_tokens: Callable[[str], int]
    context_length: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def of(cls, model: Any) -> ClipModel:
        """A ClipWeights or `open_clip.CLIP` with OpenAI's tokenizer and statistics, in evaluation mode, frozen."""
        context_length = int(model.context_length)
        tokenizer = clip_tokenizer()
        return cls(
            model=model.requires_grad_(False).eval(),
            tokenize=lambda texts: tokenizer(list(texts), context_length),
            count_tokens=lambda text: len(tokenizer.encode(text)) + 2,
            context_length=context_length,
            mean=CLIP_MEAN,
            std=CLIP_STD,
        )


@lru_cache(maxsize=1)
def clip_tokenizer() -> Any:
    """OpenAI's byte-pair tokenizer, open_clip's SimpleTokenizer; its module makes one for itself."""
    tokenizer = part_of("open_clip", "tokenizer")
    return getattr(tokenizer, "_tokenizer", None) or tokenizer.SimpleTokenizer()


def load_sam(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Sam:
    """The SAM of a registry name, float32, in evaluation mode. dtype: of what its image encoder multiplies.

    Raises ConfigError for an unknown name or device, or a library that is not installed, WeightsError when its weights
    are missing or damaged.
    """
    target = find_device(device)
    checkpoint = find_checkpoint(name, "sam")
    if checkpoint.architecture not in SAM_BUILDERS:
        raise ConfigError(
            f"{name}: unknown SAM architecture {checkpoint.architecture!r}; there is {', '.join(SAM_BUILDERS)}"
        )
    check_library(checkpoint.architecture)
    state = native_sam(read_state(checked_weights(checkpoint)))
    with unfilled():
        sam = SAM_BUILDERS[checkpoint.architecture]()
    load_weights(sam, state, checkpoint, assign=True)
    hold_in(dtype, sam.image_encoder)
    return sam.requires_grad_(False).eval().to(target)


def load_clip(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> ClipModel:
    """The CLIP of a registry name, in evaluation mode.

    dtype: of what its image tower multiplies. Errors as in `load_sam`.
    """
    target = find_device(device)
    checkpoint = find_checkpoint(name, "clip")
    config = clip_config(checkpoint.architecture)
    state = native_clip(read_state(checked_weights(checkpoint)))
    state = {key: value for key, value in state.items() if key.split(".")[-1] not in UNUSED}
    plain = is_plain(config)
    try:
        model = empty_clip(config) if plain else other_clip(config)
    except (TypeError, AssertionError) as error:
        raise ConfigError(f"{name}: open_clip cannot build {checkpoint.architecture}: {error}") from error
    load_weights(model, state, checkpoint, assign=plain)
    hold_in(dtype, model.visual)
    return ClipModel.of(model.to(target))


def empty_clip(config: Mapping[str, Any]) -> nn.Module:
    """A plain CLIP whose weights are to be assigned."""
    with unfilled():
        return ClipWeights(**config)


def other_clip(config: Mapping[str, Any]) -> nn.Module:
    """A CLIP of another kind, from open_clip."""
    import open_clip

    return open_clip.CLIP(**config)


def load_weights(model: nn.Module, state: dict[str, Tensor], checkpoint: Checkpoint, assign: bool = False) -> None:
    """Load a complete state dict; raises WeightsError when names or shapes do not fit the architecture."""
    problems = misfits(model.state_dict(), state)
    if problems:
        raise WeightsError(
            f"the weights of {checkpoint.name} do not fit {checkpoint.architecture}: {'; '.join(problems)}; are they"
            f" of another model? A registry entry names the architecture ({', '.join(SAM_BUILDERS)} of a SAM, a model"
            " of open_clip or a JSON file of a CLIP)"
        )
    model.load_state_dict(state, strict=True, assign=assign)


def misfits(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """What is wrong with the names and shapes of a state dict, each kind counted, with a few names of each."""
    kinds = {
        "missing": [name for name in wanted if name not in state],
        "unknown": [name for name in state if name not in wanted],
        "of another shape": [
            f"{name} ({shape_text(state[name])}, wants {shape_text(wanted[name])})"
            for name in wanted
            if name in state and state[name].shape != wanted[name].shape
        ],
    }
    found = {kind: names for kind, names in kinds.items() if names}
    # Every kind has its turn before one has a second.
    turns = sorted((place, kind) for kind, names in found.items() for place in range(len(names)))[:NAMED]
    shown = {kind: sum(other == kind for _, other in turns) for kind in found}
    return [
        f"{len(names)} {kind}: {', '.join(names[: shown[kind]])}"
        + (f" and {len(names) - shown[kind]} more" if len(names) > shown[kind] else "")
        for kind, names in found.items()
    ]


def shape_text(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"


def find_device(name: str) -> torch.device:
    """The torch device of a name; auto is a GPU when there is one.

    Raises ConfigError for an unusable one, with those that there are.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        (reason, *_) = str(error).splitlines() or [type(error).__name__]
        raise ConfigError(
            f"models.device: {name!r} cannot be used: {reason}; there is {', '.join(devices())}, and auto"
        ) from error
    return device


def devices() -> list[str]:
    """Names of the torch devices of this machine."""
    found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    return [*found, "mps"] if torch.backends.mps.is_available() else found
