"""Text features (§3.1): the ensemble of sentence and target phrase, prompts, truncation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder


class TextEncoder:
    """CLIP's text tower with a small memory, since the same phrases come again with every frame."""

    def __init__(self, clip: ClipEncoder, remembered: int = 1024) -> None:
        self._clip = clip
        self._remembered = remembered
        self._features: dict[str, Tensor] = {}

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """T texts → T×d float32, not normalised. Longer texts than the context are truncated."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._features]
        new = {}
        if missing:
            tokens = self._clip.tokenize(missing).to(self._clip.device)
            new = dict(zip(missing, self._clip.model.encode_text(tokens).float()))
        features = torch.stack([new[text] if text in new else self._features[text] for text in texts])
        if len(self._features) + len(new) > self._remembered:
            self._features = {}
        self._features.update(new)
        return features

    def is_truncated(self, text: str) -> bool:
        """Whether the text has more tokens than the model's context."""
        return self._clip.count_tokens(text) > self._clip.context_length

    def knows(self, text: str) -> bool:
        """Whether the model has learnt every token of the text; one that it never saw may be all zero."""
        tokens = self._clip.tokenize([text])[0]
        words = tokens[1 : max(int(tokens.argmax()), 1)]
        return bool(self._clip.model.token_embedding.weight[words.to(self._clip.device)].any(dim=-1).all())


def text_ensemble(encoder: TextEncoder, sentence: str, target: str, weight: float, normalise: bool) -> Tensor:
    """r·φ(sentence) + (1 − r)·φ(target phrase), d float32; weight is r."""
    features = encoder.encode([sentence, target])
    if normalise:
        features = F.normalize(features, dim=-1)
    return weight * features[0] + (1 - weight) * features[1]
