"""How well objects fit a phrase: its words against their rivals of the bank, as CLIP sees them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.grounding.execution import Graded, Membership
from hybridgl_ros.grounding.membership import advantage, leaning, log_odds, probability
from hybridgl_ros.language.bank import Bank, singulars
from hybridgl_ros.language.query import Phrase
from hybridgl_ros.settings import MembershipSettings

SOMETHING = "object"
"""The noun that attributes are asked with."""


class Vocabulary:
    """The text features of one bank under one CLIP, each unit length; words that the model never learnt are left out.

    scale: the factor of cosines before a softmax.
    """

    def __init__(self, text: TextEncoder, bank: Bank, prompt: str, scale: float) -> None:
        self.text = text
        self.bank = bank
        self.prompt = prompt
        self.scale = scale
        self.entries = [(("noun", word), word) for word in bank.nouns if text.knows(word)]
        for kind, words in bank.attributes.items():
            self.entries += [((kind, word), f"{word} {SOMETHING}") for word in words if text.knows(word)]
        self.features = self.encode([asked for _, asked in self.entries])
        self.columns = {entry: column for column, (entry, _) in enumerate(self.entries)}

    def encode(self, words: Sequence[str]) -> Tensor:
        """Unit features T×d of words in the prompt."""
        return F.normalize(self.text.encode([self.prompt.replace("{}", one) for one in words]), dim=-1)

    def split(self, phrase: Phrase) -> tuple[str, list[str], str]:
        """Noun, attributes and a note; attributes that make one word with the noun ("coffee mug") are its.

        Where nobody knows the noun, the last word before it that names a thing is taken for it.
        """
        bank, attributes = self.bank, list(phrase.attributes)
        for first in range(len(attributes)):
            compound = " ".join([*attributes[first:], phrase.noun])
            if phrase.noun and bank.noun(compound) is not None:
                return compound, attributes[:first], ""
        if not phrase.noun or bank.noun(phrase.noun) == ():
            shape = next((word for word in attributes if word.lower() in bank.shapes), None)
            if shape is not None:
                return bank.shapes[shape.lower()], [word for word in attributes if word != shape], ""
        elif bank.noun(phrase.noun) is None:
            colour = next((form for form in singulars(phrase.noun) if bank.attribute(form)), None)
            if colour is not None:
                return "", [*attributes, colour], ""
        if not phrase.noun or bank.noun(phrase.noun) is not None or self.text.knows(phrase.noun):
            return phrase.noun, attributes, ""
        words = [word for attribute in attributes for word in attribute.split()]
        named = [word for word in words if bank.noun(word)]
        if not named:
            return phrase.noun, attributes, ""
        note = f"took {named[-1]!r} for what is looked for: {phrase.noun!r} is not known"
        return named[-1], [word for word in words if bank.attribute(word) or word in bank.relative], note

    def listed(self, attribute: str) -> list[tuple[str, str]]:
        """The kinds and words of the bank that an attribute stands for, of those that the model has learnt."""
        return [entry for entry in self.bank.attribute(attribute) if entry in self.columns]

    def described(self, attribute: str, noun: str) -> list[str]:
        """What the text tower is asked for an attribute that the bank does not have: with it, and without."""
        thing = noun or SOMETHING
        return [f"{thing} {attribute}" if " " in attribute else f"{attribute} {thing}", thing]

    def asked(self, phrase: Phrase) -> list[str]:
        """All that the text tower is asked before it is known how well objects fit a phrase."""
        noun, attributes, _ = self.split(phrase)
        words = [noun] if noun and self.bank.noun(noun) is None else []
        for attribute in attributes:
            if not self.listed(attribute) and attribute.lower() not in self.bank.relative:
                words += self.described(attribute, noun)
        return words


class Recogniser:
    """Tells how well the objects of one scene fit phrases.

    features: N×d unit region features of the objects. real: N float64, P(it is an object); 1 unless given.
    notes: what it could not use, in the order of meeting it.
    """

    def __init__(
        self, vocabulary: Vocabulary, features: Tensor, settings: MembershipSettings, real: Tensor | None = None
    ) -> None:
        self.vocabulary = vocabulary
        self.features = features
        self.real = torch.ones(len(features), dtype=torch.float64) if real is None else real
        self.settings = settings
        self.notes: dict[str, None] = {}
        self.logits = (features @ vocabulary.features.T * vocabulary.scale).double().cpu()
        self.known: dict[Phrase, Membership] = {}

    def __call__(self, phrase: Phrase) -> Membership:
        """The membership of a phrase, remembered: the same landmarks come in several readings."""
        if phrase not in self.known:
            self.known[phrase] = self.membership(phrase)
        return self.known[phrase]

    def similarity(self, phrase: Phrase) -> Tensor:
        """N raw cosines with the phrase."""
        return (self.features @ self.vocabulary.encode([str(phrase)])[0]).double().cpu()

    def membership(self, phrase: Phrase) -> Membership:
        """Probabilities of the noun and the attributes that exclude others, and the attributes that compare."""
        noun, attributes, note = self.vocabulary.split(phrase)
        if note:
            self.notes[note] = None
        fit = self.real * self.noun(noun)
        graded: list[Graded] = []
        by_kind: dict[str, list[str]] = {}
        for attribute in attributes:
            meant = self.vocabulary.listed(attribute)
            for kind, word in meant:
                by_kind.setdefault(kind, []).append(word)
            if attribute.lower() in self.vocabulary.bank.relative:
                graded.append(Graded(attribute, *self.vocabulary.bank.relative[attribute.lower()]))
            elif not meant:
                fit = fit * self.unlisted(attribute, noun, fit)
        for kind, words in by_kind.items():
            odds = self.against_rivals(kind, words)
            fit = fit * probability(odds, self.settings.attribute_temperature, self.settings.attribute_bias)
        told = not attributes or bool(graded or by_kind) or any(map(self.vocabulary.text.knows, attributes))
        return Membership(fit, tuple(graded), told)

    def noun(self, noun: str) -> Tensor:
        """P(it is such a thing)."""
        everything = torch.ones(len(self.features), dtype=torch.float64)
        groups = self.vocabulary.bank.noun(noun) if noun else ()
        if groups == ():
            return everything
        if groups is not None and any(("noun", group) in self.vocabulary.columns for group in groups):
            odds = self.against_rivals("noun", groups)
        elif self.vocabulary.text.knows(noun):
            own = self.features @ self.vocabulary.encode([noun]).T * self.vocabulary.scale
            odds = log_odds(own.cpu(), self.columns("noun", exclude=()))
        else:
            self.notes[f"the image-text model does not know the word {noun!r}"] = None
            return everything * self.settings.unknown
        return probability(odds, self.settings.noun_temperature, self.settings.noun_bias)

    def against_rivals(self, kind: str, words: Sequence[str]) -> Tensor:
        """Log odds of some words of a kind against the others."""
        own = [self.vocabulary.columns[kind, word] for word in words if (kind, word) in self.vocabulary.columns]
        if self.settings.rivals == "objects":
            return advantage(self.logits[:, own])
        return log_odds(self.logits[:, own], self.columns(kind, exclude=words))

    def columns(self, kind: str, exclude: Sequence[str]) -> Tensor:
        """Logits of a kind's words, without some."""
        chosen = [
            column for (its, word), column in self.vocabulary.columns.items() if its == kind and word not in exclude
        ]
        return self.logits[:, chosen]

    def unlisted(self, attribute: str, noun: str, members: Tensor) -> Tensor:
        """An attribute that the bank does not have: it can tell members apart, not refuse all of them."""
        if not self.vocabulary.text.knows(attribute):
            self.notes[f"ignored: the image-text model does not know the word {attribute!r}"] = None
            return torch.ones_like(members)
        asked = self.vocabulary.encode(self.vocabulary.described(attribute, noun))
        with_it, without = (self.features @ asked.T * self.vocabulary.scale).double().cpu().unbind(dim=1)
        return leaning(with_it - without, members, self.settings.attribute_temperature)
