"""Sentences: commands, questions and politeness around what is asked for, and several sentences about one thing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hybridgl_ros.language.asides import corrected, useful, without_vocatives
from hybridgl_ros.language.draft import Cursor, Draft
from hybridgl_ros.language.exclusions import add_exclusion
from hybridgl_ros.language.fragments import narrow
from hybridgl_ros.language.lexer import Lexer
from hybridgl_ros.language.modifiers import modifier, modifiers
from hybridgl_ros.language.ordinals import finish
from hybridgl_ros.language.phrases import is_bare, noun_phrase
from hybridgl_ros.language.vocabulary import Vocabulary

_FRONTED = ("relation", "in", "on", "place", "with", "from", "scene")
_MEMBERS = ("det", "number", "count", "noun", "adjective")
_OBJECTS = ("det", "count", "number", "ordinal", "rank", "pronoun", "side", "generic")


@dataclass
class Meaning:
    """What a text asks for, with what could not be used and what was assumed."""

    target: Draft
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[Draft] = field(default_factory=list)


class SentenceReader:
    """Reads words into one draft."""

    def __init__(self, lexer: Lexer, vocabulary: Vocabulary) -> None:
        self._lexer = lexer
        self._vocabulary = vocabulary

    def read(self, words: list[str]) -> Meaning:
        """The referent of a text of one or more sentences; what is taken back leaves its noun at most."""
        words = self._commands_apart(without_vocatives(words, self._lexer, self._vocabulary))
        before, after = corrected(words, self._lexer, self._vocabulary)
        meaning = self._read(after)
        if before:
            taken_back = self._read(before).target
            target = meaning.target
            if not target.noun:
                target.noun, target.known = taken_back.noun, taken_back.known
            if target.count == "other" and not target.before:
                target.before = list(taken_back.before)
            meaning.ignored.append(" ".join(before).strip(" ,."))
        return meaning

    def _read(self, words: list[str]) -> Meaning:
        meaning = Meaning(Draft(generic=True))
        said = False
        sentences = split(words)
        for sentence in sentences:
            draft, kinds = self._sentence(tuple(sentence), meaning, meaning.target if said else None)
            if draft is None:
                continue
            target = meaning.target
            if "refused" in kinds:
                meaning.refused.append(draft)
                continue
            if (
                not said
                or "another" in kinds
                or (draft.noun and draft.noun != target.noun and ("command" in kinds or not target.noun))
            ):
                if said and not target.named and not target.said:
                    draft.modifiers.extend(target.modifiers)
                meaning.target = draft
            elif not draft.noun or draft.noun == target.noun or "command" not in kinds:
                self._more(meaning, draft)
            said = True
        if not said and not meaning.refused and sentences:
            # Nothing but what looks like a command: "hand", "light".
            items, _ = useful(self._lexer.items(tuple(sentences[-1])))
            cursor = Cursor(items, self._vocabulary)
            meaning.target = self._plain(cursor, None)
        for draft in meaning.refused:
            if not draft.noun and draft.modifiers:
                draft.noun = meaning.target.noun
            if not meaning.target.noun and meaning.target.generic:
                meaning.target.noun = draft.noun
            add_exclusion(meaning.target, draft)
        return meaning

    def _commands_apart(self, words: list[str]) -> list[str]:
        """The words with a full stop before a command inside a sentence (", give me …")."""
        found = self._lexer.openings(tuple(words))
        apart = list(words)
        for at, word in enumerate(words[:-1]):
            command = found.get(at + 1)
            if command and command[1] == "command" and self._begins(words, at + 1, command[0]):
                apart[at] = f"{word} ."
            elif word == "," and command and command[1] == "command" and words[at + 1] in self._vocabulary.commanding:
                apart[at] = "."
        return " ".join(apart).split()

    def _begins(self, words: list[str], at: int, end: int) -> bool:
        """Whether a command in the middle begins a sentence without a mark before it ("… could you hand me the …")."""
        vocabulary = self._vocabulary
        following = words[at + 1 : at + 2]
        if words[at] in (",", ".") or words[at - 1] in (",", ".") or not following or at < 2:
            return False
        if following == ["you"]:
            return end - at > 2
        told = words[at] in vocabulary.strong and following[0] in vocabulary.recipients
        wanted = words[at] in vocabulary.speaker and following[0] in vocabulary.wanting
        begun = at > self._opening(tuple(words), 0)[0]
        return (told or wanted) and begun and "not" not in words[at:end] and self._object_next(tuple(words), end)

    def _more(self, meaning: Meaning, draft: Draft) -> None:
        """Another sentence about the same referent ("It is behind the box.")."""
        if draft.noun and meaning.target.noun and draft.noun != meaning.target.noun:
            meaning.ignored.append(draft.phrase)
            return
        for entry in draft.modifiers:
            entry.late = True
        narrow(self._vocabulary, meaning.target, draft)

    def _sentence(
        self, words: tuple[str, ...], meaning: Meaning, before: Draft | None
    ) -> tuple[Draft | None, set[str]]:
        start, kinds, person = self._opening(words, 0)
        items, asides = useful(self._lexer.items(words[start:]))
        meaning.ignored += asides
        cursor = Cursor(items, self._vocabulary, antecedent=before)
        if not any(item.kind not in (",", ".", "drop") for item in cursor.items):
            return None, kinds
        first = cursor.peek()
        if first is not None and first.text in self._vocabulary.set_words and cursor.kind(1) in _MEMBERS:
            cursor.items = [replace(first, kind="of"), *cursor.items[1:]]
        draft = self._fronted(cursor, words[start:])
        if draft is None:
            draft = self._plain(cursor, before)
        finish(cursor, draft)
        if cursor.origin is not None:
            cursor.ignored.append(cursor.origin.text)
        if person and not draft.noun:
            draft.noun = "person"
        if not draft.noun and draft.count == "other" and draft.said in ("", "one", "ones"):
            draft.noun = next((m.others[0].noun for m in draft.modifiers if m.kind == "except"), "")
        if not draft.noun and draft.said == "one":
            draft.noun = _contrasted(draft)
        moving = self._vocabulary.moving.intersection(words[:start])
        if moving:
            self._destination(draft, moving, meaning)
        for other in draft.appositions:
            meaning.ignored.append(other.phrase)
        if cursor.referred and before is not None:
            kinds.add("another")
        meaning.ignored += cursor.ignored
        meaning.notes += cursor.notes
        if "not" in words[:start] and not _unable(words[:start], self._vocabulary):
            kinds.add("refused")
        return draft, kinds

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
            elif word not in vocabulary.words and found.get(at + 1, (0, ""))[0] > at + 2:
                # An interjection that nobody knows before "can I see …".
                at += 1
            else:
                break
        return at, kinds, person

    def _opens(self, words: tuple[str, ...], at: int, found: tuple[int, str, object]) -> bool:
        """A verb that is a noun as well opens a sentence only with an object after it ("hand on the left")."""
        end, kind, _ = found
        if words[at] not in self._vocabulary.nouns or kind != "command":
            return True
        return (end - at > 1 and words[at + 1] not in ("of", "for", "at", "to", "over", "up", "out")) or (
            end < len(words) and self._object_next(words, end)
        )

    def _object_next(self, words: tuple[str, ...], at: int) -> bool:
        items = self._lexer.items(words[at : at + 4])
        return (
            bool(items)
            and items[0].kind in _OBJECTS
            and not (items[0].kind == "side" and not is_bare(Cursor(items, self._vocabulary), items[0]))
        )

    def _plain(self, cursor: Cursor, before: Draft | None) -> Draft:
        """A noun phrase and what is said of it; what refers to something said before has no noun of its own."""
        cursor.skip("drop", "there", "is", "who", "speaker", ",")
        if cursor.kind() == "pronoun":
            cursor.at += 1
        draft = noun_phrase(cursor) or Draft(generic=True)
        modifiers(cursor, draft)
        return draft

    def _fronted(self, cursor: Cursor, words: tuple[str, ...]) -> Draft | None:
        """ "behind the box there is a cup", "on the left, the red one": said before the noun it is said of."""
        item = cursor.peek()
        place = (
            item is not None
            and item.kind == "side"
            and (not is_bare(cursor, item) or cursor.kind(1) in ("of", "scene"))
        )
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

    def _destination(self, draft: Draft, verbs: frozenset[str], meaning: Meaning) -> None:
        """ "put the cup into the box": where to put it says nothing of the cup."""
        if not draft.modifiers or not draft.named:
            return
        last = draft.modifiers[-1]
        placing = verbs & self._vocabulary.placing
        directed = last.words.split(" ")[0] in self._vocabulary.into
        if last.kind in ("relation", "position") and not last.first and last.words and (placing or directed):
            draft.modifiers.pop()
            landmark = f" {last.others[0].phrase}" if last.others else ""
            meaning.notes.append(f"not used, where to put it: '{last.words}{landmark}'")


def _unable(words: tuple[str, ...], vocabulary: Vocabulary) -> bool:
    """Whether "not" is what the speaker cannot do ("I can't find the mug"), which refuses nothing."""
    at = words.index("not")
    return words[at - 1] in ("can", "could") and not vocabulary.speaker.isdisjoint(words[:at])


def _contrasted(draft: Draft) -> str:
    """The noun of "not the red cone, the purple one"; "" where nothing of the kind is left out."""
    for entry in draft.modifiers:
        for other in entry.others if entry.kind in ("except", "attribute") else ():
            if other.noun and other.before and draft.before and set(other.before).isdisjoint(draft.before):
                return other.noun
    return ""


def split(words: list[str]) -> list[list[str]]:
    """The sentences of a text."""
    sentences: list[list[str]] = [[]]
    for word in words:
        if word == ".":
            sentences.append([])
        else:
            sentences[-1].append(word)
    return [sentence for sentence in sentences if sentence]
