"""Noun phrases: determiner, number, rank and place before the noun, attributes, the noun."""

from __future__ import annotations

from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.lexer import Item

_INDEFINITE = ("a", "an")
_SKIPPED = ("drop", "filler")


def noun_phrase(cursor: Cursor) -> Draft | None:
    """Read a noun phrase up to its head; None, and nothing read, when there is none."""
    start = cursor.at
    draft = Draft()
    words: list[Item] = []
    while (item := cursor.peek()) is not None:
        if not _step(cursor, draft, words, item):
            break
    _settle(cursor, draft, words)
    said = words or draft.modifiers or draft.generic or draft.named
    if not said and draft.ordinal is None and draft.number is None and not draft.count:
        cursor.at = start
        return None
    if (
        not said
        and draft.count
        and not (draft.ordinal or draft.number)
        and cursor.kind()
        not in ("", ",", ".", "of", "side", "relation", "in", "on", "who", "is", "with", "except", "but", "not")
    ):
        cursor.at = start
        return None
    return draft


def _step(cursor: Cursor, draft: Draft, words: list[Item], item: Item) -> bool:
    """Take the next item into the phrase; False when the phrase ends before it."""
    headed = has_noun(words)
    kind = item.kind
    if draft.generic:
        return False
    place = cursor.vocabulary.place_adjectives.get(item.text)
    if place and not headed and (draft.determined or words) and describes_next(cursor):
        cursor.at += 1
        draft.modifiers.append(Modifier("position", (place,), first=True, words=item.text))
    elif kind in _SKIPPED:
        if headed or (kind == "filler" and not (words or draft.determined)):
            return False
        cursor.at += 1
        if kind == "filler":
            cursor.ignored.append(item.text)
    elif kind == "det":
        if words:
            return False
        cursor.at += 1
        draft.determined = True
        draft.indefinite = item.text in _INDEFINITE
    elif kind in ("count", "ordinal", "number", "numbered"):
        if words and not headed and item.text == "one":
            cursor.at += 1
            draft.generic, draft.said = True, "one"
            return False
        return not words and _quantity(cursor, draft, item)
    elif kind == "rank":
        if headed:
            return False
        cursor.at += 1
        draft.modifiers.append(Modifier("rank", item.value, n=draft.ordinal or 1, first=True, words=item.text))
        draft.ordinal = None
    elif kind == "side":
        return _side(cursor, draft, words, item, headed)
    elif kind == "not":
        return not words and _negated(cursor, draft)
    elif kind == "middle_size":
        if headed:
            return False
        words.append(Item("adjective", item.text, item.words, item.start))
        cursor.at += 1
    elif kind in ("idiom", "posture"):
        if headed or not describes_next(cursor):
            return False
        said = tuple(item.value.split()) if item.value else item.words
        words.append(Item("adjective", item.value or item.text, said, item.start))
        cursor.at += 1
    elif kind in ("noun", "adjective"):
        if headed and (kind == "adjective" or _new_part(cursor, words, item)):
            return False
        words.append(item)
        cursor.at += 1
    elif kind in ("verb", "adverb") and not headed and (words or draft.determined or draft.modifiers):
        words.append(Item("noun", item.text, item.words, item.start, known=False))
        cursor.at += 1
    elif kind == "possessive":
        return bool(words) and _possessor(cursor, draft, words)
    elif kind == "generic":
        if headed and words[-1].known:
            return False
        cursor.at += 1
        draft.generic = True
        draft.said = item.text
        if item.text in cursor.vocabulary.human:
            draft.noun = "person"
        if item.text in cursor.vocabulary.everything:
            draft.plural = True
    elif kind in ("and", "or", ",") and words and not headed:
        return _joined(cursor, words, item)
    else:
        return False
    return True


def has_noun(words: list[Item]) -> bool:
    return bool(words) and words[-1].kind == "noun"


def describes_next(cursor: Cursor) -> bool:
    following = cursor.peek(1)
    return following is not None and (
        following.kind in ("noun", "adjective", "generic") or (following.kind == "number" and following.value == 1)
    )


def _new_part(cursor: Cursor, words: list[Item], item: Item) -> bool:
    """Whether a noun after a noun begins something else ("man shirt") instead of a compound ("wine bottle")."""
    return "people" in cursor.group(words[-1].value) and "worn" in cursor.group(item.value)


def _quantity(cursor: Cursor, draft: Draft, item: Item) -> bool:
    cursor.at += 1
    if item.kind == "count":
        draft.count = item.value if draft.count != "any" else draft.count
        if item.text == "others":
            draft.generic = draft.plural = True
    elif item.kind == "ordinal":
        draft.ordinal = item.value
        if cursor.kind() == "to" and cursor.kind(1) == "rank":
            cursor.at += 1
    elif item.kind == "number" and item.value == 1:
        following = cursor.kind()
        if following in ("noun", "adjective", "rank", "idiom", "ordinal", "count") or (
            following == "side" and is_bare(cursor, cursor.peek())
        ):
            if draft.determined or following != "side":
                draft.number = 1
            else:
                draft.generic, draft.said = True, "one"
        else:
            draft.generic, draft.said = True, "one"
    elif item.kind == "number":
        draft.number = item.value
    elif cursor.kind() in ("from", "side", "noun", "of", "generic", "adjective"):
        draft.ordinal = item.value
    else:
        draft.noun = draft.said = item.text
        draft.generic = True
    return True


def is_bare(cursor: Cursor, item: Item | None) -> bool:
    """Whether a place stands without a preposition: "left", "top left", "left side"."""
    return item is not None and item.words[0] in cursor.vocabulary.sides


def _side(cursor: Cursor, draft: Draft, words: list[Item], item: Item, headed: bool) -> bool:
    if headed or not is_bare(cursor, item):
        return False
    if cursor.kind(1) == "of":
        return False
    cursor.at += 1
    if item.words[-1] == "hand" and cursor.kind() not in ("noun", "adjective", "generic", "number"):
        words.append(Item("noun", "hand", ("hand",), item.start))
    draft.modifiers.append(Modifier("position", item.value, first=True, words=item.text, n=draft.ordinal or 1))
    return True


def _negated(cursor: Cursor, draft: Draft) -> bool:
    """ "a not red ball", "non-metallic"."""
    ahead = 0
    found: list[str] = []
    while (negation := cursor.peek(ahead)) and (item := cursor.peek(ahead + 1)):
        if negation.kind not in (("not", "or") if found else ("not",)) or item.kind != "adjective":
            break
        found.append(item.text)
        ahead += 2
    if not found or cursor.kind(ahead) not in ("noun", "adjective", "generic"):
        return False
    cursor.at += ahead
    for text in found:
        draft.modifiers.append(Modifier("attribute", text, negated=True, first=True))
    return True


def _possessor(cursor: Cursor, draft: Draft, words: list[Item]) -> bool:
    """ "the mug's left neighbour" is left of the mug; "the man's hat" is a man's hat."""
    cursor.at += 1
    item = cursor.peek()
    contents = item is not None and item.kind == "noun" and item.value in cursor.vocabulary.contents
    if item is not None and (
        contents
        or item.kind == "neighbour"
        or (item.kind == "side" and cursor.kind(1) in ("neighbour", "", ",", ".", "drop"))
    ):
        owner = Draft(determined=True, modifiers=list(draft.modifiers))
        _settle(cursor, owner, list(words))
        words.clear()
        draft.modifiers.clear()
        draft.generic = True
        relations = ["inside" if contents else "near"]
        if contents:
            cursor.at += 1
        if item.kind == "side":
            cursor.at += 1
            draft.possessed = True
            relations = [cursor.vocabulary.place_of[place] for place in item.value]
        cursor.skip("neighbour")
        for relation in relations:
            draft.modifiers.append(Modifier("relation", relation, [owner], words=item.text))
        return True
    noun = words.pop()
    words.append(Item("adjective", f"{noun.text}'s", (f"{noun.text}'s",), noun.start))
    return True


def _joined(cursor: Cursor, words: list[Item], item: Item) -> bool:
    """ "red and white", "small, red": another adjective of the same noun."""
    if words[-1].kind != "adjective" or cursor.kind(1) not in ("adjective", "idiom"):
        return False
    following = [cursor.kind(ahead) for ahead in range(1, 6)]
    last = next(
        (index for index, kind in enumerate(following) if kind not in ("adjective", "idiom", "and", "or", ",")), None
    )
    if last is None or following[last] not in ("noun", "generic", "number"):
        return False
    cursor.at += 1
    if item.kind != ",":
        words.append(Item(item.kind, item.kind, (item.kind,), item.start))
    return True


def _settle(cursor: Cursor, draft: Draft, words: list[Item]) -> None:
    """Tell the noun from its attributes; "red and white" stays one attribute unless several things are meant."""
    draft.items = list(words)
    if words and words[-1].kind == "noun":
        head = words[-1]
        if not draft.generic:
            draft.noun, draft.known, draft.said = head.value, head.known, head.text
            draft.plural = draft.plural or head.plural
            words = words[:-1]
    joints = [index for index, item in enumerate(words) if item.kind in ("and", "or")]
    if joints and (words[joints[-1]].kind == "or" or draft.many):
        index = joints[-1]
        draft.either = words[index].kind == "or"
        first, second = words[:index], words[index + 1 :]
        draft.before = [*draft.before, *texts(first)]
        other = Draft(draft.noun, before=texts(second), generic=draft.generic)
        draft.union.append(other)
        return
    draft.before = [*draft.before, *_merged(words, cursor.vocabulary.colours)]


def texts(words: list[Item]) -> list[str]:
    return [item.text for item in words]


def _merged(words: list[Item], colours: frozenset[str]) -> list[str]:
    """Attributes, "red and white" as one, "small and red" as two."""
    merged: list[str] = []
    for index, item in enumerate(words):
        if item.kind == "and" and not colours.issuperset((words[index - 1].text, *texts(words[index + 1 : index + 2]))):
            continue
        if merged and (item.kind in ("and", "or") or merged[-1].endswith((" and", " or"))):
            merged[-1] += f" {item.text}"
        else:
            merged.append(item.text)
    return merged
