"""What is said beside the point: persons who are spoken to, what is taken back, reasons and conditions."""

from __future__ import annotations

from hybridgl_ros.language.lexer import Item, Lexer
from hybridgl_ros.language.vocabulary import Vocabulary

_NAMING = ("noun", "adjective", "generic", "side", "rank", "ordinal", "number", "posture", "idiom")


def without_vocatives(words: list[str], lexer: Lexer, vocabulary: Vocabulary) -> list[str]:
    """The words without persons who are spoken to ("mate, …"; "young man, would you …")."""
    openings = lexer.openings(tuple(words))
    segments = segmented(words)
    kept: list[str] = []
    at, begun = 0, False
    for segment in segments:
        at += len(segment)
        items = lexer.items(tuple(segment))
        spoken = [word for item in items if item.kind not in ("drop", ",", ".") for word in item.words]
        called = bool(spoken) and set(spoken) <= vocabulary.vocatives | vocabulary.addressed
        person = any("people" in vocabulary.groups.get(word, ()) for word in spoken)
        commanded = not begun and openings.get(at, (0, ""))[1] in ("command", "question")
        greeted = not vocabulary.greeting.isdisjoint(spoken)
        named = (greeted or not person) and not vocabulary.vocatives.isdisjoint(spoken)
        if not (called and len(segments) > 1 and (commanded or named)):
            kept += segment
            begun = begun or bool(spoken)
    return kept if any(word not in (",", ".") for word in kept) else words


def corrected(words: list[str], lexer: Lexer, vocabulary: Vocabulary) -> tuple[list[str], list[str]]:
    """What is taken back ("the red one, no wait, …"), and what is said instead."""
    found = lexer.openings(tuple(words))
    for at in range(len(words) - 1, 0, -1):
        end, kind, name = found.get(at, (at, "", None))
        if kind == "correction" and (words[at - 1] in (",", ".") or name == "sure_corrections"):
            rest = words[end:]
            while rest and rest[0] in (",", "."):
                rest = rest[1:]
            named = any(item.kind in _NAMING for item in lexer.items(tuple(rest)))
            if named and rest[0] not in (*vocabulary.without, "not", "to", "for", "about"):
                return words[:at], rest
    return [], words


def useful(items: list[Item]) -> tuple[list[Item], list[str]]:
    """The items without politeness and asides, and the asides as said."""
    kept: list[Item] = []
    asides: list[list[str]] = []
    aside = False
    for item in items:
        if item.kind in (",", "."):
            aside = False
        elif item.kind == "aside":
            aside = True
            asides.append([])
        if aside:
            asides[-1].append(item.text)
        elif item.kind != "drop":
            kept.append(item)
    return kept, [" ".join(words) for words in asides]


def segmented(words: list[str]) -> list[list[str]]:
    """The words between commas and full stops, each with the mark that ends it."""
    segments: list[list[str]] = [[]]
    for word in words:
        segments[-1].append(word)
        if word in (",", "."):
            segments.append([])
    return [segment for segment in segments if segment]
