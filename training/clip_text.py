"""Texts the small CLIP learns from: descriptions of tabletop objects in many wordings.

A description names any of size, colour and shape; what it leaves out is worded as "object" or "thing".
Sentences with spatial words always start with the target, as referring expressions do, so that the text tower
learns to read the first noun phrase and to ignore where the sentence places it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from open_clip.tokenizer import SimpleTokenizer

SHAPES: dict[str, tuple[str, ...]] = {
    "cube": ("cube", "cube", "box", "block"),
    "ball": ("ball", "ball", "sphere"),
    "cylinder": ("cylinder", "cylinder", "tube"),
    "cone": ("cone",),
    "ring": ("ring", "ring", "torus"),
    "bottle": ("bottle",),
    "mug": ("mug", "mug", "cup"),
}
COLOURS: dict[str, tuple[str, ...]] = {
    "red": ("red",),
    "green": ("green",),
    "blue": ("blue",),
    "yellow": ("yellow",),
    "purple": ("purple", "purple", "violet"),
    "orange": ("orange",),
    "white": ("white",),
    "black": ("black",),
}
SIZES: dict[str, tuple[str, ...]] = {
    "small": ("small", "small", "little", "tiny", "smaller", "smallest"),
    "large": ("large", "large", "big", "larger", "bigger", "largest", "biggest"),
}
SHAPE_NAMES, COLOUR_NAMES, SIZE_NAMES = tuple(SHAPES), tuple(COLOURS), tuple(SIZES)

ANY_OBJECT = ("object", "object", "thing", "one", "item")
ARTICLES = ("the ", "the ", "the ", "a ", "")
WRAPPERS = (
    "a photo of {}.", "a photo of {}.", "a photo of {}", "a picture of {}", "find {}", "pick up {}",
    "{} on the table", "{} .",
)  # fmt: skip
RELATIONS = (
    "left of", "to the left of", "on the left of", "right of", "to the right of", "on the right of", "above", "over",
    "below", "under", "beneath", "behind", "in front of", "next to", "near", "beside", "inside", "inside of", "in",
    "within", "on", "on top of", "closest to", "farther than", "closer than", "bigger than", "smaller than",
)  # fmt: skip
POSITIONS = (
    "on the left", "on the right", "on the left side", "on the right side", "at the top", "at the bottom",
    "in the middle", "in the center", "in the centre", "in the front", "in the back", "in the background",
    "at left", "at right", "closest to the camera", "nearest to the camera", "farthest from the camera", "far away",
    "of the picture", "in the image",
)  # fmt: skip
PLACE_ADJECTIVES = (
    "left", "right", "leftmost", "rightmost", "middle", "top", "bottom", "upper", "lower", "front", "back", "closest",
    "nearest", "farthest", "furthest", "central", "first", "second", "third", "fourth", "last",
)  # fmt: skip
SUPPORT_WORDS = [
    "and",
    "between",
    "from",
    "than",
    "that",
    "is",
    "which",
    "it",
    "with",
    "photo",
    "image",
    "picture",
    "camera",
    "table",
    "plate",
    "two",
    "three",
]


@dataclass(frozen=True)
class Description:
    """What a text says about its target; ``None`` where it says nothing. Values index the ``*_NAMES`` tuples."""

    shape: int | None = None
    colour: int | None = None
    size: int | None = None


class Wording:
    """Draws a random wording of a description.

    Args:
        rng: source of randomness.
        spatial: share of the texts that also place the target with spatial words.
        wrapped: share of the texts put in a prompt such as "a photo of a ...".
    """

    def __init__(self, rng: random.Random, spatial: float = 0.35, wrapped: float = 0.25) -> None:
        self.rng = rng
        self.spatial = spatial
        self.wrapped = wrapped

    def noun(self, description: Description, adjective: str = "") -> str:
        """Adjectives and noun, without an article."""
        pick = self.rng.choice
        words = [adjective] if adjective else []
        if description.size is not None:
            words.append(pick(SIZES[SIZE_NAMES[description.size]]))
        if description.colour is not None:
            words.append(pick(COLOURS[COLOUR_NAMES[description.colour]]))
        words.append(pick(ANY_OBJECT if description.shape is None else SHAPES[SHAPE_NAMES[description.shape]]))
        return " ".join(words)

    def other(self) -> str:
        """A random second object for a relation, with its article."""
        rng = self.rng
        description = Description(
            shape=rng.randrange(len(SHAPES)) if rng.random() < 0.9 else None,
            colour=rng.randrange(len(COLOURS)) if rng.random() < 0.8 else None,
            size=rng.randrange(len(SIZES)) if rng.random() < 0.15 else None,
        )
        return rng.choice(("the ", "the ", "a ")) + self.noun(description)

    def text(self, description: Description) -> str:
        """A lower-case text whose first noun phrase is ``description``."""
        rng = self.rng
        article, kind = rng.choice(ARTICLES), rng.random()
        if kind < self.wrapped:
            return rng.choice(WRAPPERS).format(article + self.noun(description))
        if kind >= self.wrapped + self.spatial:
            return article + self.noun(description)
        style = rng.random()
        if style < 0.5:
            link = rng.choice(("", "", "", "that is ", "which is "))
            return f"{article}{self.noun(description)} {link}{rng.choice(RELATIONS)} {self.other()}"
        if style < 0.6:
            return f"{article}{self.noun(description)} between {self.other()} and {self.other()}"
        if style < 0.8:
            return f"{article}{self.noun(description)} {rng.choice(POSITIONS)}"
        text = article + self.noun(description, rng.choice(PLACE_ADJECTIVES))
        if rng.random() < 0.4:
            text += rng.choice((" from the left", " from the right", " from the top", " from the bottom"))
        return text


class CompactTokenizer:
    """CLIP's BPE restricted to the words above, with token ids renumbered 0..n-1.

    Training a dense table of 49,408 rows for some 150 words in use would waste most of the optimiser's time;
    :meth:`expand` puts the learnt rows back in their places. Row 0 stays zero: it stands for an unknown word,
    which is what every row that was never trained is in the exported model.
    """

    def __init__(self, context_length: int) -> None:
        self.context_length = context_length
        self._bpe = SimpleTokenizer(context_length=context_length)
        vocabulary = {word for text in self._all_texts() for word in text.replace(".", " . ").split()}
        self._pieces = {word: self._bpe.encode(word) for word in sorted(vocabulary)}
        used = {token for tokens in self._pieces.values() for token in tokens}
        used |= {self._bpe.sot_token_id, self._bpe.eot_token_id}
        self.original_ids = [-1, *sorted(used)]
        self._compact = {token: row for row, token in enumerate(self.original_ids)}

    @staticmethod
    def _all_texts() -> list[str]:
        groups = [*SHAPES.values(), *COLOURS.values(), *SIZES.values(), ANY_OBJECT, RELATIONS, POSITIONS]
        groups += [PLACE_ADJECTIVES, tuple(SUPPORT_WORDS), ("the", "a", "an")]
        texts = [text for group in groups for text in group]
        return texts + [wrapper.format("object") for wrapper in WRAPPERS]

    def __len__(self) -> int:
        return len(self.original_ids)

    def __call__(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Compact ids (T, longest) int64 padded with 0, and the position of each end token (T,) int64."""
        start, end = self._compact[self._bpe.sot_token_id], self._compact[self._bpe.eot_token_id]
        rows = []
        for text in texts:
            words = text.replace(".", " . ").split()
            tokens = [self._compact[token] for word in words for token in self._pieces[word]]
            rows.append([start, *tokens[: self.context_length - 2], end])
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        return ids, torch.tensor([len(row) - 1 for row in rows])

    def expand(self, rows: torch.Tensor, vocab_size: int) -> torch.Tensor:
        """Full embedding table (vocab_size, width): the learnt rows in their places, zeros elsewhere."""
        table = torch.zeros(vocab_size, rows.shape[1], dtype=rows.dtype)
        table[torch.tensor(self.original_ids[1:])] = rows[1:]
        return table
