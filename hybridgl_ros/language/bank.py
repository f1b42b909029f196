"""The bank of words that a phrase is told apart from: nouns, kinds of attributes, and what each excludes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hybridgl_ros.config import find_named, read_yaml
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.language.query import AXES

PLURALS = (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))
"""Endings of plurals and what a singular has in their place; only singulars that the bank has are taken."""


@dataclass(frozen=True)
class Bank:
    """Groups of words that mean the same, each by its first word, which stands for it.

    nouns: what things are. attributes: by kind (colour …), what they can be. broader: nouns that mean any of some
    groups. generic: nouns that fit everything. relative: attributes that compare, as (axis, end) of a `Rank`.
    shapes: adjectives that name a group of nouns when no noun is said. surfaces: what everything stands on or in, so
    that being there tells nothing apart. meaning: word → (kind, first word of its group); the kind of nouns is "noun".
    """

    nouns: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    broader: Mapping[str, tuple[str, ...]]
    generic: frozenset[str]
    relative: Mapping[str, tuple[str, str]]
    shapes: Mapping[str, str]
    surfaces: frozenset[str]
    meanings: Mapping[str, Mapping[str, str]]

    def noun(self, word: str) -> tuple[str, ...] | None:
        """The groups that a noun means: several for a broader one, none for a word that fits everything.

        None when the bank does not have it. Plurals count as their singular.
        """
        for form in singulars(word.lower()):
            if form in self.meanings["noun"]:
                return (self.meanings["noun"][form],)
            if form in self.broader:
                return self.broader[form]
            if form in self.generic:
                return ()
        return None

    def attribute(self, word: str) -> list[tuple[str, str]]:
        """The kinds of attribute that a word says, with the group it means of each; none when the bank lacks it.

        Words that it has one by one only ("pale green") say what each of them says.
        """
        word = word.lower()
        kinds = [(kind, words) for kind, words in self.meanings.items() if kind != "noun"]
        whole = [(kind, words[word]) for kind, words in kinds if word in words]
        parts = word.replace("-", " ").split()
        if whole or len(parts) < 2:
            return whole
        said = [[(kind, words[part]) for kind, words in kinds if part in words] for part in parts]
        return list(dict.fromkeys(entry for entries in said for entry in entries)) if all(said) else []


def singulars(word: str) -> list[str]:
    """The word, and what it might be the plural of."""
    return [word, *(word[: -len(end)] + singular for end, singular in PLURALS if word.endswith(end))]


@lru_cache(maxsize=8)
def load_bank(name: str) -> Bank:
    """Read `config/membership/NAME.yaml`; raises ConfigError naming the file."""
    path = find_named("membership", name)
    content = read_yaml(path)
    try:
        nouns, attributes = content["nouns"], content["attributes"]
        meanings = {"noun": meaning(nouns)} | {kind: meaning(groups) for kind, groups in attributes.items()}
        bank = Bank(
            nouns=tuple(str(group[0]) for group in nouns),
            attributes={kind: tuple(str(group[0]) for group in groups) for kind, groups in attributes.items()},
            broader={str(word): tuple(map(str, groups)) for word, groups in content["broader"].items()},
            generic=frozenset(map(str, content["generic"])),
            relative={str(word): (axis, end) for word, (axis, end) in content["relative"].items()},
            shapes={str(word): str(noun) for word, noun in content["shapes"].items()},
            surfaces=frozenset(map(str, content["surfaces"])),
            meanings=meanings,
        )
    except KeyError as error:
        raise ConfigError(f"{path}: no entry {error}") from error
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if unknown := [group for groups in bank.broader.values() for group in groups if group not in bank.nouns]:
        raise ConfigError(f"{path}: broader: no group of nouns starts with {', '.join(unknown)}")
    if unknown := [noun for noun in bank.shapes.values() if noun not in bank.nouns]:
        raise ConfigError(f"{path}: shapes: no group of nouns starts with {', '.join(unknown)}")
    if wrong := [word for word, (axis, end) in bank.relative.items() if end not in AXES.get(axis, ())]:
        raise ConfigError(f"{path}: relative: {', '.join(wrong)}: no such end of an axis")
    return bank


def meaning(groups: Any) -> dict[str, str]:
    """Every word of some groups → the first of its group."""
    return {str(word).lower(): str(group[0]) for group in groups for word in group}
