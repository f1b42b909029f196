"""Sentences: commands, questions and politeness around what is asked for, and several sentences about one thing."""

from __future__ import annotations

from dataclasses import dataclass, field

from hybridgl_ros.language.draft import Cursor, Draft
from hybridgl_ros.language.lexer import Lexer
from hybridgl_ros.language.modifiers import modifier, modifiers
from hybridgl_ros.language.phrases import is_bare, noun_phrase
from hybridgl_ros.language.relations import finish
from hybridgl_ros.language.vocabulary import Vocabulary

_FRONTED = ("relation", "in", "on", "place", "with", "from", "scene")
_INTO = ("to", "into", "onto", "towards", "toward", "over", "next", "beside")
_OBJECTS = ("det", "count", "number", "ordinal", "rank", "pronoun", "side", "generic")


@dataclass
class Meaning:
    """What a text asks for, with what could not be used and what was assumed."""

    target: Draft
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class SentenceReader:
    """Reads words into one draft."""

    def __init__(self, lexer: Lexer, vocabulary: Vocabulary) -> None:
        self._lexer = lexer
        self._vocabulary = vocabulary

    def read(self, words: list[str]) -> Meaning:
        """The referent of a text of one or more sentences."""
        meaning = Meaning(Draft(generic=True))
        said = False
        for sentence in split(words):
            draft, commanded = self._sentence(tuple(sentence), meaning, meaning.target if said else None)
            if draft is None:
                continue
            if not said or (draft.noun and draft.noun != meaning.target.noun and (commanded or not meaning.target.noun)):
                meaning.target = draft
            elif not draft.noun or draft.noun == meaning.target.noun or not commanded:
                self._more(meaning, draft)
            said = True
        return meaning

    def _more(self, meaning: Meaning, draft: Draft) -> None:
        """Another sentence about the same referent ("It is behind the box.")."""
        if draft.noun and meaning.target.noun and draft.noun != meaning.target.noun:
            meaning.ignored.append(draft.phrase)
            return
        for entry in draft.modifiers:
            entry.late = True
        meaning.target.absorb(draft)

    def _sentence(self, words: tuple[str, ...], meaning: Meaning, before: Draft | None) -> tuple[Draft | None, bool]:
        start, kinds, person = self._opening(words, 0)
        cursor = Cursor(self._lexer.items(words[start:]), self._vocabulary, antecedent=before)
        if not any(item.kind not in (",", ".", "drop") for item in cursor.items):
            if before is not None or not words[:start]:
                return None, False
            start = 0
            cursor = Cursor(self._lexer.items(words), self._vocabulary)
        draft = self._fronted(cursor, words[start:])
        if draft is None:
            draft = self._plain(cursor, before)
        finish(cursor, draft)
        if person and not draft.noun:
            draft.noun = "person"
        moving = self._vocabulary.moving.intersection(words[:start])
        if moving:
            destination(draft, moving, meaning)
        for other in draft.appositions:
            meaning.ignored.append(other.phrase)
        meaning.ignored += cursor.ignored
        meaning.notes += cursor.notes
        return draft, "command" in kinds

    def _opening(self, words: tuple[str, ...], at: int) -> tuple[int, set[str], bool]:
        """Where commands, questions and politeness end; their kinds; whether a person is asked for."""
        vocabulary, kinds, person = self._vocabulary, set(), False
        found = self._lexer.openings(words)
        while at < len(words):
            word = words[at]
            if at in found and self._opens(words, at, found[at]):
                end, kind, value = found[at]
                kinds.add(kind)
                person = person or value == "person"
                at = end
            elif word in vocabulary.strong or word == ",":
                kinds.add("command" if word != "," else ",")
                at += 1
            elif word in vocabulary.verbs and at + 1 < len(words) and self._object_next(words, at + 1):
                kinds.add("command")
                at += 1
            elif word in vocabulary.speaker or (word == "to" and kinds):
                at += 1
            else:
                break
        return at, kinds, person

    def _opens(self, words: tuple[str, ...], at: int, found: tuple[int, str, object]) -> bool:
        """A verb that is a noun as well opens a sentence only with an object after it ("hand on the left")."""
        end, kind, _ = found
        if words[at] not in self._vocabulary.nouns or kind != "command":
            return True
        return end - at > 1 and words[at + 1] not in ("of", "for", "at", "to", "over", "up", "out") or (end < len(words) and self._object_next(words, end))

    def _object_next(self, words: tuple[str, ...], at: int) -> bool:
        items = self._lexer.items(words[at : at + 4])
        return bool(items) and items[0].kind in _OBJECTS and not (items[0].kind == "side" and not is_bare(Cursor(items, self._vocabulary), items[0]))

    def _plain(self, cursor: Cursor, before: Draft | None) -> Draft:
        """A noun phrase and what is said of it; what refers to something said before has no noun of its own."""
        cursor.skip("drop", "there", "is", "who", "speaker", ",")
        if cursor.kind() == "pronoun":
            cursor.at += 1
        draft = noun_phrase(cursor) or Draft(generic=True)
        if cursor.antecedent is None and draft.noun:
            cursor.antecedent = draft
        modifiers(cursor, draft)
        return draft

    def _fronted(self, cursor: Cursor, words: tuple[str, ...]) -> Draft | None:
        """ "behind the box there is a cup", "on the left, the red one": said before the noun it is said of."""
        item = cursor.peek()
        place = item is not None and item.kind == "side" and (not is_bare(cursor, item) or cursor.kind(1) in ("of", "scene"))
        if item is None or not (item.kind in _FRONTED or place):
            return None
        scratch = Draft(generic=True)
        while cursor.kind() in (*_FRONTED, "side") and modifier(cursor, scratch):
            cursor.skip("scene", "drop", "posture")
            if cursor.kind() == "and":
                cursor.at += 1
        for entry in scratch.modifiers:
            for landmark in entry.others:
                entry.loose = False
                cursor.antecedent = cursor.antecedent or landmark
        start = cursor.at
        cursor.skip(",", "there", "is", "drop", "who", "posture", "speaker")
        nxt = cursor.peek()
        if nxt is not None:
            end, kinds, _ = self._opening(words, nxt.start)
            if kinds and end > nxt.start:
                while (item := cursor.peek()) is not None and item.start < end:
                    cursor.at += 1
        draft = noun_phrase(cursor)
        if draft is None:
            cursor.at = start
            modifiers(cursor, scratch)
            return scratch
        if scratch.noun or scratch.before:
            draft.absorb(scratch)
            scratch.modifiers = []
        draft.after = [*scratch.after, *draft.after] if not (scratch.noun or scratch.before) else draft.after
        draft.modifiers = [*draft.modifiers, *scratch.modifiers]
        modifiers(cursor, draft)
        return draft


def split(words: list[str]) -> list[list[str]]:
    """The sentences of a text."""
    sentences: list[list[str]] = [[]]
    for word in words:
        if word == ".":
            sentences.append([])
        else:
            sentences[-1].append(word)
    return [sentence for sentence in sentences if sentence]


def destination(draft: Draft, verbs: frozenset[str] | set[str], meaning: Meaning) -> None:
    """ "put the cup into the box": where to put it says nothing of the cup."""
    if not draft.modifiers or not draft.named:
        return
    last = draft.modifiers[-1]
    placing = verbs.intersection(("put", "place", "stack", "drop", "insert", "throw", "toss"))
    directed = last.words.split(" ")[:1] and last.words.split(" ")[0] in _INTO
    if last.kind in ("relation", "position") and not last.first and last.words and (placing or directed):
        draft.modifiers.pop()
        landmark = f" {last.others[0].phrase}" if last.others else ""
        meaning.notes.append(f"not used, where to put it: '{last.words}{landmark}'")
