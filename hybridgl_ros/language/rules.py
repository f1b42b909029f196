"""A rule set: the vocabulary and the choices of one reading of the paper's parser, read from config/language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hybridgl_ros.config import find_named, read_yaml
from hybridgl_ros.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """How expressions are read.

    unwrap: quotation marks and the like around an expression are no part of it.
    collapse_whitespace: runs of blanks count as one; otherwise only single-blank tokens are left out.
    root: `first` or `last` of the tokens that are their own heads.
    root_outside_phrase: what stands in when the root is in no noun phrase, its `first_child` or the text's
    `first_phrase`. trim: words cut from the end of the target phrase.
    positions, relations, sizes: word → class. relation_blockers: nouns that switch relations off.
    position_beside_others: keep the position word when the expression relates the target to another object, or
    drop it. size_from_relation: sizes follow the relation's class. not_objects: words that name no other object.
    """

    unwrap: bool
    collapse_whitespace: bool
    root: str
    root_outside_phrase: str
    trim: frozenset[str]
    positions: Mapping[str, str]
    position_beside_others: str
    relations: Mapping[str, str]
    relation_blockers: frozenset[str]
    size_from_relation: bool
    sizes: Mapping[str, str]
    not_objects: frozenset[str]


def load_rules(name: str) -> Rules:
    """Read `config/language/NAME.yaml`; raises ConfigError naming the file."""
    path = find_named("language", name)
    content = read_yaml(path)
    try:
        return Rules(
            unwrap=choice(content["unwrap"], True, False),
            collapse_whitespace=choice(content["whitespace"], "collapse", "keep") == "collapse",
            root=choice(content["root"], "first", "last"),
            root_outside_phrase=choice(content["root_outside_phrase"], "first_child", "first_phrase"),
            trim=frozenset(content["trim"]),
            positions=word_classes(content["position"]["words"]),
            position_beside_others=choice(content["position"]["beside_other_objects"], "keep", "drop"),
            relations=word_classes(content["relation"]["words"]),
            relation_blockers=frozenset(content["relation"]["unless_nouns"]),
            size_from_relation=choice(content["size"]["from"], "relation", "words") == "relation",
            sizes=word_classes(content["size"]["words"]),
            not_objects=frozenset(content["not_objects"]),
        )
    except KeyError as error:
        raise ConfigError(f"{path}: no entry {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def choice(value: T, *allowed: T) -> T:
    if value not in allowed:
        raise ValueError(f"{value!r} is not one of {', '.join(map(str, allowed))}")
    return value


def word_classes(groups: Mapping[str, Any]) -> dict[str, str]:
    """{class: [words]} turned round into {word: class}."""
    return {word: group for group, words in groups.items() for word in words}
