"""What follows a noun: relations, places, ranks, attributes, negations, fragments after commas."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.exclusions import exclude, negate
from hybridgl_ros.language.fragments import conjoin, fragment
from hybridgl_ros.language.lexer import Item
from hybridgl_ros.language.phrases import is_bare, noun_phrase
from hybridgl_ros.language.relations import absorb_set, inside_or_wearing, of_phrase, place, relation, to_phrase
from hybridgl_ros.language.attributes import carrying, doing, worn

LOOSE = ("relation", "position", "rank")


def modifiers(cursor: Cursor, draft: Draft, nested: bool = False) -> None:
    """Read everything that is said of the draft's referent; a landmark (nested) leaves what follows a comma."""
    late = False
    while (item := cursor.peek()) is not None and item.kind != ".":
        if item.kind in (",", "and", "or"):
            late = late or item.kind == ","
            if not joint(cursor, draft, nested):
                return
            continue
        known = len(draft.modifiers)
        if not modifier(cursor, draft, nested):
            if nested:
                return
            skip_unused(cursor)
        for added in draft.modifiers[known:]:
            added.late = late
            added.loose = nested and added.kind in LOOSE


def modifier(cursor: Cursor, draft: Draft, nested: bool = False) -> bool:
    """Read one modifier; False, and nothing read, when the next item is none."""
    item = cursor.peek()
    if item is None:
        return False
    reader = _READERS.get(item.kind)
    if item.kind == "det" and item.text in ("that", "which", "whose"):
        reader = _predicate
    return reader is not None and reader(cursor, draft, nested)


def joint(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """Go on after a comma, "and" or "or"; False when what follows is not said of this referent."""
    if nested:
        return False
    item = cursor.take()
    if item.kind == ",":
        while cursor.kind() == ",":
            cursor.at += 1
        return True
    kind = cursor.kind()
    if kind in _READERS and kind not in ("noun", "adjective", "number", "count", "ordinal", "rank", "generic", "det"):
        if not (kind == "side" and is_bare(cursor, cursor.peek()) and cursor.kind(1) in ("noun", "adjective", "generic")):
            return True
    return conjoin(cursor, draft, either=item.kind == "or", modifiers=modifiers)


def skip_unused(cursor: Cursor) -> None:
    """Pass over an item that found no role, and remember it when it could have meant something."""
    item = cursor.take()
    if item.kind in ("noun", "adjective", "verb", "adverb", "number", "numbered", "attach", "side", "relation", "rank", "idiom", "ordinal", "not", "except", "with", "generic", "count"):
        cursor.ignored.append(item.text)


def _skip(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    cursor.at += 1
    return True


def _relation(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    item = cursor.take()
    return relation(cursor, draft, item.value, item, modifiers)


def _place(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    return place(cursor, draft, modifiers)


def _from(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    if draft.ordinal is None:
        ranks = [entry for entry in draft.modifiers if entry.kind == "rank"]
        if nested:
            return False
        item = cursor.take()
        if not ranks:
            cursor.ignored.append(item.text)
        return True
    item = cursor.take()
    draft.modifiers.append(Modifier("rank", item.value, n=draft.ordinal, first=True, words=item.text))
    draft.ordinal = None
    return True


def _rank(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    item = cursor.take()
    entry = Modifier("rank", item.value, n=draft.ordinal or 1, words=item.text)
    draft.ordinal = None
    draft.modifiers.append(entry)
    if item.value[0] == "depth" and cursor.kind() in ("to", "det", "pronoun", "noun", "adjective"):
        to_phrase(cursor, draft, entry, modifiers)
    return True


def _to(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    start = cursor.at
    cursor.at += 1
    side = noun_phrase(cursor)
    if side is not None and side.possessed:
        draft.modifiers += side.modifiers
        return True
    cursor.at = start
    entry = next((m for m in draft.modifiers if m.kind == "rank" and m.value[0] == "depth"), None)  # type: ignore[index]
    if entry is None or entry.others:
        return doing(cursor, draft, nested)
    return to_phrase(cursor, draft, entry, modifiers)


def _ordinal(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    if nested and cursor.kind(1) not in ("from", "side", "relation"):
        return False
    item = cursor.take()
    if cursor.kind() == "rank":
        draft.ordinal = item.value
    elif cursor.kind() in ("noun", "adjective", "generic", "number"):
        cursor.at -= 1
        return fragment(cursor, draft, nested, modifiers)
    else:
        draft.ordinal = item.value
    return True


def _number(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """ "cube two", "bus number 18": an ordinal, or a name that it bears."""
    following = cursor.kind(1)
    if following in ("noun", "adjective", "generic", "of", "rank"):
        return fragment(cursor, draft, nested, modifiers)
    item = cursor.take()
    if following == "from" or (draft.noun and "people" not in cursor.group(draft.noun) and item.value <= 10):
        draft.ordinal = item.value
    else:
        draft.after.append(item.text)
    return True


def _but(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    ranks = [entry for entry in draft.modifiers if entry.kind == "rank"]
    if cursor.kind() == "but_n" and ranks:
        ranks[-1].n = cursor.take().value + 1
        return True
    if nested:
        return False
    if draft.generic or draft.count in ("all", "any"):
        return exclude(cursor, draft, modifiers)
    cursor.at += 1
    return True


def _except(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    return not nested and exclude(cursor, draft, modifiers)


def _not(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    item = cursor.peek()
    if nested and item is not None and (len(item.words) > 1 or item.text == "nor"):
        return False
    return negate(cursor, draft, modifiers, modifier)


def _predicate(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """ "that is …", "which stands …": what follows is said of the referent."""
    if nested and cursor.kind() == "is":
        return False
    cursor.skip("who", "drop")
    if _landmark_first(cursor, draft):
        return True
    if cursor.kind() == "det":
        cursor.at += 1
    while cursor.kind() in ("is", "who", "drop", "speaker") or (cursor.kind() == "posture" and cursor.kind(1) != "noun"):
        cursor.at += 1
    if cursor.kind() in ("adjective", "noun", "det", "idiom", "count", "number", "generic"):
        return fragment(cursor, draft, nested, modifiers, predicate=True)
    return True


def _landmark_first(cursor: Cursor, draft: Draft) -> bool:
    """ "the block that the ball is on": the relation of the ball, turned round."""
    start = cursor.at
    if cursor.kind() == "det" and cursor.kind(1) == "det":
        cursor.at += 1
    landmark = noun_phrase(cursor)
    if landmark is not None and landmark.determined and cursor.skip("is", "posture"):
        item = cursor.peek()
        if item is not None and item.kind in ("relation", "in", "on") and cursor.kind(1) in ("", ",", "."):
            kind = item.value or {"in": "inside", "on": "on"}[item.kind]
            if kind in cursor.vocabulary.inverse:
                cursor.at += 1
                draft.modifiers.append(Modifier("relation", cursor.vocabulary.inverse[kind], [landmark], words=item.text))
                return True
    cursor.at = start
    return False


def _posture(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """ "standing behind the box" says where, "standing" alone says how."""
    item = cursor.take()
    if cursor.kind() not in ("relation", "in", "on", "side", "place", "scene", "from", "rank", "attach", "with", "drop", "idiom", "posture", "not") and cursor.vocabulary.adjectives.intersection(item.words):
        draft.after.append(item.text)
    return True


def _fragment(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    return fragment(cursor, draft, nested, modifiers)


def _idiom(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    item = cursor.take()
    if item.words[-1] in cursor.vocabulary.colours:
        draft.before.append(item.text)
    else:
        draft.after.append(" ".join(word for word in item.words if word not in ("the", "is")))
    return True


def _of(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    return of_phrase(cursor, draft, modifiers)


def _count(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    if cursor.kind(1) in ("noun", "adjective", "generic", "det"):
        return fragment(cursor, draft, nested, modifiers)
    draft.count = cursor.take().value
    return True


_READERS: dict[str, Callable[[Cursor, Draft, bool], bool]] = {
    **dict.fromkeys(("scene", "drop", "there", "speaker", "possessive"), _skip),
    "relation": _relation,
    "in": lambda cursor, draft, nested: inside_or_wearing(cursor, draft, modifiers),
    "on": lambda cursor, draft, nested: relation(cursor, draft, "on", cursor.take(), modifiers),
    "side": _place,
    "place": _place,
    "with": lambda cursor, draft, nested: carrying(cursor, draft, modifiers),
    "wearing": worn,
    "from": _from,
    "rank": _rank,
    "to": _to,
    "ordinal": _ordinal,
    "numbered": _number,
    "number": _number,
    "but": _but,
    "but_n": _but,
    "except": _except,
    "not": _not,
    "who": _predicate,
    "is": _predicate,
    "posture": _posture,
    "idiom": _idiom,
    "middle_size": _idiom,
    "of": _of,
    "count": _count,
    "verb": doing,
    "attach": doing,
    "adverb": doing,
    **dict.fromkeys(("noun", "adjective", "det", "generic"), _fragment),
}

__all__ = ["absorb_set", "modifiers", "noun_phrase", "Item"]
