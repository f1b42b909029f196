"""The vocabulary of the query reader: patterns, word classes and choices, read from config/language/query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from hybridgl_ros.language.choices import Choices
from hybridgl_ros.language.nouns import forms
from hybridgl_ros.language.patterns import Slot
from hybridgl_ros.language.query import PLACES, RELATIONS
from hybridgl_ros.language.query import ordinal as digits
from hybridgl_ros.language.sections import Section
from hybridgl_ros.resources import config_directory

Row = tuple[str, Any, list[Slot]]
"""What a pattern says: the kind of item, its value, the pattern's slots."""

FILES = ("tokens", "speech", "space", "ranks", "counts", "grammar", "idioms", "words", "choices")
NOUN_GROUPS = ("people", "worn", "parts", "things", "vessels")


@dataclass(frozen=True)
class Vocabulary:
    """Everything the reader knows of words.

    contractions, rewrites: written word → words. opening: patterns that start a sentence (commands, questions,
    politeness, existence). body: patterns anywhere else. nouns: form → (lemma, plural). groups: lemma → its groups of
    nouns. holding: verbs of vessels. adjectives: words that describe. strong, verbs: words that start a command
    always, or before an object only; commanding: those that do so after a comma. placing, moving: verbs
    with a destination. sides: word → place.
    prepositions, place_of, place_alone, place_adjectives, inverse, inverse_alone, direction, opposite, ends,
    size_ranks: what places and relations turn into. closed: words that a typo may be read as even when it looks like
    English. asking: words of commands and questions. vocatives, addressed: what a person is called, and words before
    it. foreign: language → its small words.
    """

    contractions: Mapping[str, str]
    rewrites: Mapping[str, str]
    opening: tuple[Row, ...]
    body: tuple[Row, ...]
    nouns: Mapping[str, tuple[str, bool]]
    groups: Mapping[str, frozenset[str]]
    adjectives: frozenset[str]
    colours: frozenset[str]
    joined: frozenset[str]
    coloured: frozenset[str]
    strong: frozenset[str]
    verbs: frozenset[str]
    commanding: frozenset[str]
    moving: frozenset[str]
    placing: frozenset[str]
    into: frozenset[str]
    speaker: frozenset[str]
    generic: frozenset[str]
    human: frozenset[str]
    holding: frozenset[str]
    empty: frozenset[str]
    full: frozenset[str]
    contents: frozenset[str]
    open_vessels: frozenset[str]
    fillers: frozenset[str]
    pose_words: Mapping[str, str]
    place_by_viewer: Mapping[str, str]
    corner_sides: Mapping[str, str]
    set_words: frozenset[str]
    possessives: frozenset[str]
    everything: frozenset[str]
    numbers: Mapping[str, int]
    ordinals: Mapping[str, int]
    never_plural: frozenset[str]
    without: frozenset[str]
    sides: Mapping[str, str]
    prepositions: Mapping[str, str]
    place_of: Mapping[str, str]
    place_alone: Mapping[str, str]
    place_adjectives: Mapping[str, str]
    inverse: Mapping[str, str]
    inverse_alone: Mapping[str, str]
    direction: Mapping[str, tuple[str, str]]
    opposite: Mapping[str, str]
    viewer: frozenset[str]
    ends: Mapping[str, tuple[str, str]]
    default_end: tuple[str, str]
    size_ranks: Mapping[str, tuple[str, str]]
    middle_size: frozenset[str]
    closed: frozenset[str]
    asking: frozenset[str]
    shortest_typo: int
    swap_only: int
    vocatives: frozenset[str]
    addressed: frozenset[str]
    greeting: frozenset[str]
    wanting: frozenset[str]
    recipients: frozenset[str]
    foreign: Mapping[str, frozenset[str]]
    foreign_share: float
    choices: Choices

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word that has a role."""
        return self.closed.union(self.asking, self.nouns, self.adjectives)


def load_vocabulary(name: str = "query") -> Vocabulary:
    """Read `config/language/NAME/*.yaml`, once; raises ConfigError naming file and entry."""
    return _load(str(config_directory() / "language" / name))


@lru_cache(maxsize=4)
def _load(folder: str) -> Vocabulary:
    sections = {name: Section(Path(folder) / f"{name}.yaml") for name in FILES}
    tokens, speech, space, ranks = (sections[name] for name in ("tokens", "speech", "space", "ranks"))
    counts, grammar, words, choices = (sections[name] for name in ("counts", "grammar", "words", "choices"))
    groups = {name: words.words(name) for name in NOUN_GROUPS}
    sides = space.classes_of("sides")
    space.among(sides.values(), PLACES, "sides")
    numbers = {word: int(number) for word, number in counts.classes_of("numbers").items()}
    ordinals = {word: int(n) for word, n in ranks.classes_of("ordinals").items()}
    opening = tuple(_opening(speech))
    body = tuple(_body(sections, sides, numbers, ordinals))
    verbs = speech.groups("classes")
    spoken = {word for _, _, slots in body for options, _ in slots for word in options}
    asked = {word for _, _, slots in opening for options, _ in slots for word in options}
    return Vocabulary(
        contractions=tokens.texts("contractions"),
        rewrites=tokens.texts("rewrites"),
        opening=opening,
        body=body,
        nouns=forms(frozenset().union(*groups.values()), counts.words("plural_only"), counts.texts("irregular")),
        groups=_groups_of(groups),
        adjectives=words.words("colours") | words.words("qualities"),
        colours=words.words("colours"),
        joined=tokens.words("joined"),
        coloured=tokens.words("coloured"),
        strong=speech.words("strong"),
        verbs=verbs["verb"],
        commanding=speech.words("commanding"),
        moving=verbs["moving"],
        placing=speech.words("placing"),
        into=speech.words("into"),
        speaker=grammar.words("speaker"),
        generic=grammar.words("generic"),
        possessives=grammar.words("possessives"),
        set_words=grammar.words("set_words"),
        human=grammar.words("human"),
        holding=words.words("holding"),
        empty=words.words("empty"),
        full=words.words("full"),
        contents=words.words("contents"),
        open_vessels=words.words("open_vessels"),
        fillers=speech.words("fillers"),
        pose_words=grammar.texts("pose_words"),
        place_by_viewer=space.texts("place_by_viewer"),
        corner_sides=space.texts("corner_sides"),
        everything=grammar.words("everything"),
        numbers=numbers,
        ordinals=ordinals,
        never_plural=counts.words("never_plural"),
        without=counts.words("without"),
        sides=sides,
        prepositions=space.relations("prepositions"),
        place_of=space.relations("place_of"),
        place_alone=space.texts("place_alone"),
        place_adjectives=space.texts("place_adjectives"),
        inverse=space.relations("inverse"),
        inverse_alone=space.relations("inverse_alone"),
        direction=ranks.ends("direction"),
        opposite=ranks.texts("opposite"),
        viewer=ranks.words("viewer"),
        ends=ranks.ends("ends"),
        default_end=ranks.end(ranks.entry("default_end")),
        size_ranks={word: ranks.end(end) for word, end in ranks.classes_of("size_words").items()},
        middle_size=ranks.words("middle_size"),
        closed=frozenset(spoken | words.words("colours") | set(sides)) - speech.words("not_repaired"),
        asking=frozenset(asked),
        shortest_typo=tokens.number("shortest_typo", 1, 10),
        swap_only=tokens.number("one_letter_swap_only", 0, 10),
        vocatives=speech.groups("vocatives")["called"],
        addressed=speech.groups("vocatives")["before"],
        recipients=speech.words("recipients"),
        wanting=speech.words("wanting"),
        greeting=speech.groups("vocatives")["greeting"],
        foreign=tokens.groups("foreign"),
        foreign_share=tokens.number("foreign_share", 0, 1),
        choices=Choices(
            choices.number("readings", 1, 3),
            *(choices.number(entry.name, 0, 1) for entry in fields(Choices)[1:]),
        ),
    )


def _opening(speech: Section) -> Iterator[Row]:
    classes = speech.groups("classes")
    for name, kind in (
        ("sure_corrections", "correction"),
        ("commands", "command"),
        ("politeness", "drop"),
        ("existence", "there"),
        ("corrections", "correction"),
    ):
        for slots in speech.patterns(speech.entry(name), name, classes):
            yield kind, name, slots
    for value, rows in speech.table("questions").items():
        for slots in speech.patterns(rows, f"questions.{value}", classes):
            yield "question", value, slots


def _body(
    sections: Mapping[str, Section], sides: Mapping[str, str], numbers: Mapping[str, int], ordinals: Mapping[str, int]
) -> Iterator[Row]:
    """Patterns in order of precedence: of two that are equally long the earlier wins."""
    space, ranks, counts, grammar, speech, idioms = (
        sections[name] for name in ("space", "ranks", "counts", "grammar", "speech", "idioms")
    )
    classes: dict[str, Iterable[str]] = {}
    for section in (speech, space, ranks):
        classes.update(section.groups("classes"))
    nth = [word for word in ordinals if " " not in word and "|" not in word] + [digits(n) for n in range(1, 21)]
    classes |= {"side": sides, "nth": nth, "number": [*numbers, *map(str, range(1, 100))]}

    def rows(section: Section, name: str, kind: str, value: Any = None, content: Any = None) -> Iterator[Row]:
        for slots in section.patterns(section.entry(name) if content is None else content, name, classes):
            yield kind, value, slots

    def table(section: Section, name: str, kind: str, convert: Callable[[Any], Any]) -> Iterator[Row]:
        for key, content in section.table(name).items():
            yield from rows(section, f"{name}.{key}", kind, convert(key), content)

    space.among(space.table("relations"), RELATIONS, "relations")
    space.among(space.table("fixed_places"), PLACES, "fixed_places")
    yield from table(idioms, "poses", "idiom", str)
    yield from rows(idioms, "attributes", "idiom")
    yield from table(idioms, "functions", "noun", str)
    yield from rows(idioms, "compounds", "compound")
    yield from rows(space, "scene_patterns", "scene")
    yield from table(ranks, "superlatives", "rank", ranks.end)
    yield from rows(ranks, "from_patterns", "from")
    yield from rows(ranks, "from_viewer", "from", ("depth", "near"))
    yield from table(space, "relations", "relation", str)
    yield from table(space, "fixed_places", "place", lambda place: (place,))
    yield from rows(space, "side_patterns", "side")
    yield from rows(space, "unusable_patterns", "unusable")
    yield from rows(speech, "then_patterns", "then")
    yield from table(ranks, "ordinals", "ordinal", int)
    yield from table(ranks, "but", "but_n", int)
    yield from rows(ranks, "numbered", "numbered")
    yield from rows(ranks, "nth", "nth")
    yield from rows(ranks, "middle_size", "middle_size")
    yield from table(counts, "counts", "count", str)
    yield from table(counts, "numbers", "number", int)
    yield from rows(counts, "negation", "not")
    yield from rows(counts, "without", "not")
    yield from rows(counts, "except", "except")
    yield from rows(counts, "but", "but")
    yield from rows(speech, "existence", "there")
    for name, kind in _GRAMMAR.items():
        yield from rows(grammar, name, kind)
    yield from rows(speech, "politeness", "drop")
    yield from rows(speech, "asides", "aside")


_GRAMMAR = {
    "determiners": "det",
    "pronouns": "pronoun",
    "copula": "is",
    "relative": "who",
    "and": "and",
    "or": "or",
    "of": "of",
    "to": "to",
    "in": "in",
    "on": "on",
    "with": "with",
    "wearing": "wearing",
    "attach": "attach",
    "posture": "posture",
    "possessive": "possessive",
    "neighbour": "neighbour",
    "generic": "generic",
    "speaker": "speaker",
}


def _groups_of(groups: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, words in groups.items():
        for word in words:
            found[word] = found.get(word, frozenset()) | {name}
    return found
