"""The vocabulary of the query reader: patterns, word classes and choices, read from config/language/query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hybridgl_ros.config import read_yaml
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.language.patterns import Slot, compile_pattern
from hybridgl_ros.language.query import AXES, PLACES, RELATIONS
from hybridgl_ros.resources import config_directory

Row = tuple[str, Any, list[Slot]]
"""What a pattern says: the kind of item, its value, the pattern's slots."""

FILES = ("tokens", "speech", "space", "ranks", "counts", "grammar", "idioms", "words", "choices")


@dataclass(frozen=True)
class Choices:
    """Weights of second readings; see choices.yaml."""

    readings: int
    attach_to_target: float
    position_to_target: float
    size_as_rank: float
    rank_before_exclusion: float
    middle_of_row: float


@dataclass(frozen=True)
class Vocabulary:
    """Everything the reader knows of words.

    contractions, rewrites: written word → words. opening: patterns that start a sentence (commands, questions,
    politeness, existence). body: patterns anywhere else. nouns: form → (lemma, plural). groups: lemma → its groups of
    nouns. adjectives: words that describe. strong and weak verbs start a command always or before an object only.
    place_of, place_alone, inverse, inverse_alone, direction, ends, size_ranks: what places and relations turn into.
    closed: words that a typo may be read as even when it looks like English. foreign: language → its small words.
    """

    contractions: Mapping[str, str]
    rewrites: Mapping[str, str]
    opening: tuple[Row, ...]
    body: tuple[Row, ...]
    nouns: Mapping[str, tuple[str, bool]]
    groups: Mapping[str, frozenset[str]]
    adjectives: frozenset[str]
    colours: frozenset[str]
    sides: Mapping[str, str]
    strong: frozenset[str]
    verbs: frozenset[str]
    moving: frozenset[str]
    speaker: frozenset[str]
    human: frozenset[str]
    everything: frozenset[str]
    never_plural: frozenset[str]
    plural_only: frozenset[str]
    place_of: Mapping[str, str]
    place_alone: Mapping[str, tuple[str, ...]]
    inverse: Mapping[str, str]
    inverse_alone: Mapping[str, str]
    direction: Mapping[str, tuple[str, str]]
    ends: Mapping[str, tuple[str, str]]
    default_end: tuple[str, str]
    size_ranks: Mapping[str, tuple[str, str]]
    middle_size: frozenset[str]
    joined: frozenset[str]
    closed: frozenset[str]
    shortest_typo: int
    swap_only: int
    foreign: Mapping[str, frozenset[str]]
    foreign_share: float
    choices: Choices

    @property
    def words(self) -> frozenset[str]:
        """Every word that has a role."""
        return self.closed.union(self.nouns, self.adjectives)


def load_vocabulary(name: str = "query") -> Vocabulary:
    """Read `config/language/NAME/*.yaml`, once; raises ConfigError naming file and entry."""
    return _load(str(config_directory() / "language" / name))


@lru_cache(maxsize=4)
def _load(folder: str) -> Vocabulary:
    from pathlib import Path

    parts: dict[str, _Part] = {}
    for name in FILES:
        path = Path(folder) / f"{name}.yaml"
        if not path.is_file():
            raise ConfigError(f"{path}: no such file")
        parts[name] = _Part(read_yaml(path))
    current = ""
    try:
        current = "tokens"
        tokens = parts[current]
        foreign = {str(k): tokens.listed(v, f"foreign.{k}") for k, v in tokens.table("foreign").items()}
        current = "counts"
        counts = parts[current]
        current = "words"
        words = parts[current]
        groups = {name: words.words(name) for name in ("people", "worn", "parts", "things")}
        nouns = _nouns(groups.values(), counts)
        adjectives = words.words("colours") | words.words("qualities")
        current = "space"
        space = parts[current]
        sides = {w: place for place, ws in space.table("sides").items() for w in space.listed(ws, f"sides.{place}")}
        _among(sides.values(), PLACES, "sides")
        current = "ranks"
        ranks = parts[current]
        ends = {place: _end(value) for place, value in ranks.table("ends").items()}
        current = "speech"
        opening = tuple(_opening(parts["speech"]))
        current = "body patterns"
        body = tuple(_body(parts, sides, nouns))
        current = "grammar"
        grammar = parts[current]
        current = "choices"
        choices = _choices(parts[current])
        current = "space"
        spoken = {word for _, _, slots in (*opening, *body) for options, _ in slots for word in options}
        return Vocabulary(
            contractions={str(k): str(v) for k, v in tokens.table("contractions").items()},
            rewrites={str(k): str(v) for k, v in tokens.table("rewrites").items()},
            opening=opening,
            body=body,
            nouns=nouns,
            groups=_turn_round(groups),
            adjectives=adjectives,
            colours=words.words("colours"),
            sides=sides,
            strong=parts["speech"].words("strong"),
            verbs=frozenset(parts["speech"].classes()["verb"]),
            moving=frozenset(parts["speech"].classes()["moving"]),
            speaker=grammar.words("speaker"),
            human=grammar.words("human"),
            everything=grammar.words("everything"),
            never_plural=counts.words("never_plural"),
            plural_only=counts.words("plural_only"),
            place_of=_relations(space, "place_of"),
            place_alone={k: tuple(map(str, v)) for k, v in space.table("place_alone").items()},
            inverse=_relations(space, "inverse"),
            inverse_alone=_relations(space, "inverse_alone"),
            direction={k: _end(v) for k, v in ranks.table("direction").items()},
            ends=ends,
            default_end=_end(ranks.entry("default_end")),
            size_ranks={
                w: _end(e) for e, ws in ranks.table("size_words").items() for w in ranks.listed(ws, f"size_words.{e}")
            },
            middle_size=ranks.words("middle_size"),
            joined=tokens.words("joined"),
            closed=frozenset(spoken | words.words("colours") | set(sides)) - parts["speech"].words("not_repaired"),
            shortest_typo=tokens.number("shortest_typo", int),
            swap_only=tokens.number("one_letter_swap_only", int),
            foreign=foreign,
            foreign_share=tokens.number("foreign_share", float),
            choices=choices,
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{folder}/{current}.yaml: {error}") from error


class _Part:
    """One file's entries, checked as they are taken."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def entry(self, name: str) -> Any:
        if name not in self._content:
            raise ValueError(f"no entry {name!r}")
        return self._content[name]

    def table(self, name: str) -> Mapping[Any, Any]:
        value = self.entry(name)
        if not isinstance(value, Mapping):
            raise ValueError(f"{name} wants a mapping, got {value!r}")
        return value

    def words(self, name: str) -> frozenset[str]:
        return self.listed(self.entry(name), name)

    def listed(self, value: Any, name: str) -> frozenset[str]:
        return frozenset(self.rows(value, name))

    def rows(self, value: Any, name: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise ValueError(f"{name} wants a list of words (quote yes, no, on and off), got {value!r}")
        return value

    def number(self, name: str, kind: type) -> Any:
        value = self.entry(name)
        if isinstance(value, bool) or not isinstance(value, (kind, int)):
            raise ValueError(f"{name} wants a number, got {value!r}")
        return value

    def classes(self) -> dict[str, list[str]]:
        return {name: self.rows(value, f"classes.{name}") for name, value in self._content.get("classes", {}).items()}

    def patterns(self, value: Any, name: str, classes: Mapping[str, Iterable[str]]) -> Iterator[list[Slot]]:
        for pattern in self.rows(value, name):
            yield compile_pattern(pattern, classes)


def _opening(speech: _Part) -> Iterator[Row]:
    classes = speech.classes()
    for name, kind in (("commands", "command"), ("politeness", "drop"), ("existence", "there")):
        for slots in speech.patterns(speech.entry(name), name, classes):
            yield kind, None, slots
    for value, rows in speech.table("questions").items():
        for slots in speech.patterns(rows, f"questions.{value}", classes):
            yield "question", value, slots


def _body(parts: Mapping[str, _Part], sides: Mapping[str, str], nouns: Mapping[str, Any]) -> Iterator[Row]:
    space, ranks, counts, grammar, speech = (parts[n] for n in ("space", "ranks", "counts", "grammar", "speech"))
    numbers = {word: number for number, ws in counts.table("numbers").items() for word in ws}
    classes: dict[str, Iterable[str]] = {**speech.classes(), **space.classes(), **ranks.classes()}
    classes["side"] = sides
    classes["number"] = [*numbers, *map(str, range(1, 100))]

    def rows(part: _Part, name: str, kind: str, value: Any = None, content: Any = None) -> Iterator[Row]:
        for slots in part.patterns(part.entry(name) if content is None else content, name, classes):
            yield kind, value, slots

    def tables(part: _Part, name: str, kind: str, convert: Callable[[Any], Any]) -> Iterator[Row]:
        for key, content in part.table(name).items():
            yield from rows(part, f"{name}.{key}", kind, convert(key), content)

    _among(space.table("relations"), RELATIONS, "relations")
    _among(space.table("fixed_places"), PLACES, "fixed_places")
    yield from rows(parts["idioms"], "attributes", "idiom")
    yield from rows(space, "scene_patterns", "scene")
    yield from tables(ranks, "superlatives", "rank", _end)
    yield from rows(ranks, "from_patterns", "from")
    yield from rows(ranks, "from_viewer", "from", ("depth", "near"))
    yield from tables(space, "relations", "relation", str)
    yield from tables(space, "fixed_places", "place", lambda place: (place,))
    yield from rows(space, "side_patterns", "side")
    yield from tables(ranks, "ordinals", "ordinal", int)
    yield from tables(ranks, "but", "but_n", int)
    yield from rows(ranks, "numbered", "numbered")
    yield from rows(ranks, "middle_size", "middle_size")
    yield from tables(counts, "counts", "count", str)
    yield from tables(counts, "numbers", "number", int)
    yield from rows(counts, "negation", "not")
    yield from rows(counts, "except", "except")
    yield from rows(counts, "but", "but")
    yield from rows(speech, "existence", "there")
    for name, kind in _GRAMMAR.items():
        yield from rows(grammar, name, kind)
    yield from rows(speech, "politeness", "drop")


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


def _choices(part: _Part) -> Choices:
    shares = {name: part.number(name, float) for name in Choices.__dataclass_fields__ if name != "readings"}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name}: {share} is outside 0 … 1")
    readings = part.number("readings", int)
    if not 1 <= readings <= 3:
        raise ValueError(f"readings: {readings} is outside 1 … 3")
    return Choices(readings=readings, **shares)


def _nouns(groups: Iterable[frozenset[str]], counts: _Part) -> dict[str, tuple[str, bool]]:
    """Every form of every noun → its singular and whether the form is a plural."""
    only, irregular = counts.words("plural_only"), counts.table("irregular")
    found: dict[str, tuple[str, bool]] = {}
    for noun in (word for group in groups for word in group):
        found[noun] = (noun, False)
        if noun not in only and not (noun.endswith("s") and not noun.endswith("ss")):
            found.setdefault(plural(noun), (noun, True))
    found.update({str(form): (str(noun), form != noun) for form, noun in irregular.items()})
    found.update(dict.fromkeys(only, ("", False)))
    return {form: (noun or form, many) for form, (noun, many) in found.items()}


def plural(noun: str) -> str:
    """The regular plural of an English noun."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def singular(noun: str) -> str:
    """The singular of a regular English plural."""
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("sses", "xes", "zes", "ches", "shes")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def _turn_round(groups: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for group, words in groups.items():
        for word in words:
            found.setdefault(word, set()).add(group)
    return {word: frozenset(names) for word, names in found.items()}


def _relations(part: _Part, name: str) -> dict[str, str]:
    table = {str(key): str(value) for key, value in part.table(name).items()}
    _among(table.values(), RELATIONS, name)
    return table


def _end(value: Any) -> tuple[str, str]:
    axis, _, end = str(value).partition(" ")
    if end not in AXES.get(axis, ()):
        raise ValueError(f"{value!r} is no axis with one of its ends")
    return axis, end


def _among(values: Iterable[Any], allowed: Iterable[str], name: str) -> None:
    unknown = sorted(set(map(str, values)) - set(allowed))
    if unknown:
        raise ValueError(f"{name}: unknown {', '.join(unknown)}")
