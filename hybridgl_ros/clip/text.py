"""Text features (§3.1): the ensemble of sentence and target phrase, prompts, truncation.

The text tower looks backwards only, so texts that begin alike share the tokens of their beginning: all texts of a call
are one tree of tokens, and every token is computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridgl_ros.clip.blocks import Block
from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.errors import ConfigError

# Every token of a tree may look at every other one: larger trees would only compute masked products.
TREE_TEXTS = 256


@dataclass(frozen=True)
class TokenTree:
    """Several token sequences with common beginnings merged.

    tokens, depths: n int64, token ids and places in their text. sees: n×n bool, a token's own text up to it.
    ends: T int64, the last token of each sequence.
    """

    tokens: Tensor
    depths: Tensor
    sees: Tensor
    ends: Tensor

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int]]) -> TokenTree:
        known: dict[tuple[int, int], int] = {}
        paths: list[list[int]] = []
        ends = []
        for sequence in sequences:
            node = -1
            path: list[int] = []
            for token in sequence:
                node = known.setdefault((node, token), len(known))
                path = [*path, node]
                if node == len(paths):
                    paths.append(path)
            ends.append(node)
        sees = torch.zeros(len(known), len(known), dtype=torch.bool)
        for row, path in zip(sees, paths):
            row[path] = True
        return cls(
            tokens=torch.tensor([token for _, token in known]),
            depths=torch.tensor([len(path) - 1 for path in paths]),
            sees=sees,
            ends=torch.tensor(ends),
        )


class TextEncoder:
    """CLIP's text tower with a small memory, since the same phrases come again with every frame.

    Raises ConfigError for a tower that looks forwards, or whose feature is not the end-of-text token's.
    """

    def __init__(self, clip: ClipEncoder, remembered: int = 1024) -> None:
        model = clip.model
        if model.attn_mask is None or model.text_pool_type not in ("argmax", "eos"):
            raise ConfigError("only text towers that look backwards and end with the end-of-text token can be used")
        self._clip = clip
        self._blocks = [Block(block) for block in model.transformer.resblocks]
        self._remembered = remembered
        self._features: dict[str, Tensor] = {}

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """T texts → T×d float32, not normalised. Longer texts than the context are truncated."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._features]
        new = {}
        if missing:
            new = dict(zip(missing, self._forward(missing)))
        features = torch.stack([new[text] if text in new else self._features[text] for text in texts])
        if len(self._features) + len(new) > self._remembered:
            self._features = {}
        self._features.update(new)
        return features

    def _forward(self, texts: Sequence[str]) -> Tensor:
        """The tower's features T×d float32."""
        tokens = self._clip.tokenize(texts)
        # The end of text is the highest number, and the texts are padded behind it.
        rows = [row[: end + 1].tolist() for row, end in zip(tokens, tokens.argmax(dim=-1).tolist())]
        found = [self._tree(rows[first : first + TREE_TEXTS]) for first in range(0, len(rows), TREE_TEXTS)]
        return torch.cat(found)

    def _tree(self, rows: Sequence[Sequence[int]]) -> Tensor:
        tree, model, device = TokenTree.of(rows), self._clip.model, self._clip.device
        found = model.token_embedding(tree.tokens.to(device)) + model.positional_embedding[tree.depths.to(device)]
        found, sees = found.float()[None], tree.sees[None].to(device)
        for block in self._blocks[:-1]:
            found = block.rows(found, slice(None), sees)
        ends = tree.ends.to(device)
        found = model.ln_final(self._blocks[-1].rows(found, ends, sees[:, ends])[0])
        projection = model.text_projection
        if projection is None:
            return found
        return projection(found) if isinstance(projection, nn.Linear) else found @ projection

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
