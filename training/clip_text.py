"""Texts the small CLIP learns from: descriptions of tabletop objects in the words people use.

A description names any of size, shade, colour, shape and pose; what it leaves out is worded as "object" or "thing".
Sentences with spatial words always start with the target, as referring expressions do, so that the text tower
learns to read the first noun phrase and to ignore where the sentence places it. Now and then an unknown word stands
among the others, or for the noun: its embedding is zero, as that of every word outside the vocabulary is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from open_clip.tokenizer import SimpleTokenizer

WORDS_FILE = Path(__file__).parents[1] / "config" / "language" / "tabletop_words.yaml"
WORDS: dict[str, Any] = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))
SHAPES: dict[str, list[str]] = WORDS["shapes"]
COLOURS: dict[str, dict[str, list[str]]] = WORDS["colours"]
SIZES: dict[str, list[str]] = WORDS["sizes"]
SHADES: dict[str, list[str]] = WORDS["shades"]
POSES: dict[str, dict[str, list[str]]] = WORDS["poses"]
SHAPE_NAMES, COLOUR_NAMES, SIZE_NAMES = (
    tuple(SHAPES),
    ("red", "green", "blue", "yellow", "purple", "orange", "white", "black"),
    tuple(SIZES),
)
SHADE_NAMES, POSE_NAMES = tuple(SHADES), tuple(POSES)
POSES_OF = {
    name: {"cube": (), "ball": (), "cylinder": (0, 1), "ring": (0, 1)}.get(name, (0, 1, 2)) for name in SHAPE_NAMES
}
"""The poses that each shape can have, as indices."""

UNKNOWN_WORD = "<unknown>"
_USUAL, _USUAL_COLOUR, _PLURAL, _FILLER, _UNKNOWN_NOUN = 0.4, 0.6, 0.06, 0.1, 0.3
ANY_OBJECT = WORDS["generic"]
ARTICLES = ("the ", "the ", "the ", "a ", "a ", "", "")
WRAPPERS = (
    "a photo of {}.", "a photo of {}.", "a photo of {}", "a photo of {}", "an image of {}",
    "a picture of {}", "find {}", "pick up {}",
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
    shade: int | None = None
    pose: int | None = None


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
        """Adjectives, noun and what follows it, without an article."""
        rng, pick = self.rng, self.rng.choice
        words = [adjective] if adjective else []
        if rng.random() < _FILLER:
            words.append(pick([*WORDS["filler"], UNKNOWN_WORD, UNKNOWN_WORD]))
        if description.size is not None:
            words.append(self._one_of(SIZES[SIZE_NAMES[description.size]], _USUAL))
        before, after = self._pose(description)
        words += before + self._colour(description)
        if description.shape is not None:
            noun = self._one_of(SHAPES[SHAPE_NAMES[description.shape]], _USUAL)
        else:
            noun = UNKNOWN_WORD if rng.random() < _UNKNOWN_NOUN else pick(ANY_OBJECT)
        words.append(plural(noun) if rng.random() < _PLURAL else noun)
        return " ".join(words + after)

    def _one_of(self, words: list[str], usual: float) -> str:
        return words[0] if self.rng.random() < usual else self.rng.choice(words)

    def _colour(self, description: Description) -> list[str]:
        if description.colour is None:
            return [] if description.shade is None else [self._one_of(SHADES[SHADE_NAMES[description.shade]], _USUAL)]
        group = COLOURS[COLOUR_NAMES[description.colour]]
        if description.shade is None:
            vivid = [self.rng.choice(WORDS["vivid"])] if self.rng.random() < 0.04 else []
            return [*vivid, self._one_of(group["words"], _USUAL_COLOUR)]
        shade = SHADE_NAMES[description.shade]
        if group[shade] and self.rng.random() < 0.4:
            return [self.rng.choice(group[shade])]
        return [self._one_of(SHADES[shade], _USUAL), self._one_of(group["words"], 0.8)]

    def _pose(self, description: Description) -> tuple[list[str], list[str]]:
        """Words before and after the noun; a ring's pose stands after it or is one of the plainest adjectives."""
        if description.pose is None:
            return [], []
        words = POSES[POSE_NAMES[description.pose]]
        if description.shape is not None and SHAPE_NAMES[description.shape] == "ring":
            return ([words["before"][0]], []) if self.rng.random() < 0.5 else ([], [self.rng.choice(words["ring"])])
        if self.rng.random() < 0.5:
            return [self._one_of(words["before"], _USUAL)], []
        return [], [self.rng.choice(words["after"])]

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


def plural(noun: str) -> str:
    """The noun in the plural, as its last word has it."""
    return noun if noun == UNKNOWN_WORD else noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def usual_words() -> dict[str, str]:
    """For every other word of a list, the usual one it is a synonym of: where its embedding starts."""
    pairs: dict[str, str] = {}
    nouns = [*SHAPES.values(), ANY_OBJECT]
    colours = [[word for words in group.values() for word in words] for group in COLOURS.values()]
    for group in (*nouns, *colours, *SIZES.values(), *SHADES.values()):
        for phrase in group[1:]:
            pairs |= dict.fromkeys(phrase.split(), group[0])
    for group in nouns:
        pairs |= {plural(noun).split()[-1]: group[0] for noun in group}
    return pairs


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
        nouns = [noun for group in (*SHAPES.values(), ANY_OBJECT) for noun in group]
        groups = [nouns, [plural(noun) for noun in nouns], *SIZES.values(), *SHADES.values(), RELATIONS, POSITIONS]
        groups += [words for group in (*COLOURS.values(), *POSES.values()) for words in group.values()]
        groups += [WORDS["vivid"], WORDS["filler"]]
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
            tokens = [row for word in words for row in self.rows_of(word)]
            rows.append([start, *tokens[: self.context_length - 2], end])
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        return ids, torch.tensor([len(row) - 1 for row in rows])

    def rows_of(self, word: str) -> list[int]:
        """The rows of a word's tokens; row 0 for the unknown word."""
        return [0] if word == UNKNOWN_WORD else [self._compact[token] for token in self._pieces[word]]

    def expand(self, rows: torch.Tensor, vocab_size: int) -> torch.Tensor:
        """Full embedding table (vocab_size, width): the learnt rows in their places, zeros elsewhere."""
        table = torch.zeros(vocab_size, rows.shape[1], dtype=rows.dtype)
        table[torch.tensor(self.original_ids[1:])] = rows[1:]
        return table
