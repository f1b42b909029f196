"""What follows a noun: relations, places, ranks, attributes, negations, fragments after commas."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.attributes import carrying, doing, worn
from hybridgl_ros.language.draft import Cursor, Draft
from hybridgl_ros.language.exclusions import exclude, negate
from hybridgl_ros.language.fragments import conjoin, fragment
from hybridgl_ros.language.orders import read_from, read_number, read_ordinal, read_rank, read_to
from hybridgl_ros.language.phrases import is_bare, noun_phrase
from hybridgl_ros.language.relations import inside_or_wearing, place, relation
from hybridgl_ros.language.relative import agrees, landmark_first, settle_shared
from hybridgl_ros.language.sets import of_phrase

LOOSE = ("relation", "position", "rank")
"""Kinds of modifier that may belong to a landmark or to the referent."""

_NOMINAL = ("noun", "adjective", "generic")
_NAMING = (*_NOMINAL, "number", "count", "ordinal", "rank", "det")


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
    settle_shared(cursor, draft)


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
    before_noun = kind == "side" and is_bare(cursor, cursor.peek()) and cursor.kind(1) in _NOMINAL
    if kind in _READERS and kind not in _NAMING and not before_noun:
        return True
    return conjoin(cursor, draft, either=item.kind == "or", modifiers=modifiers)


def skip_unused(cursor: Cursor) -> None:
    """Pass over an item that found no role, and remember it when it could have meant something."""
    item = cursor.take()
    if item.kind in (
        "noun",
        "adjective",
        "verb",
        "adverb",
        "number",
        "numbered",
        "attach",
        "side",
        "relation",
        "rank",
        "idiom",
        "ordinal",
        "not",
        "except",
        "with",
        "generic",
        "count",
        "filler",
    ):
        cursor.ignored.append(item.text)


def _skip(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    cursor.at += 1
    return True


def _unusable(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    cursor.ignored.append(cursor.take().text)
    return True


def _then(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """What to do with it afterwards says nothing of it."""
    if nested:
        return False
    rest: list[str] = []
    while cursor.kind() not in ("", "."):
        rest.append(cursor.take().text)
    cursor.notes.append(f"not used, what to do then: '{' '.join(rest)}'")
    return True


def _relation(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    item = cursor.take()
    return relation(cursor, draft, item.value, item, modifiers)


def _place(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    following = cursor.peek(1)
    described = following is not None and (following.kind in _NOMINAL or following.text == "one")
    if described and not nested and is_bare(cursor, cursor.peek()):
        return fragment(cursor, draft, nested, modifiers)
    return place(cursor, draft, modifiers)


def _except(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    return not nested and exclude(cursor, draft, modifiers)


def _not(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    item = cursor.peek()
    if nested and item is not None and (len(item.words) > 1 or item.text == "nor"):
        return False
    return negate(cursor, draft, modifiers, modifier)


def _predicate(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """ "that is …", "which stands …": what follows is said of the referent."""
    if nested and (cursor.kind() == "is" or not agrees(cursor, draft)):
        return False
    item = cursor.peek()
    if item is not None and item.text == "whose":
        cursor.at += 1
        owned = noun_phrase(cursor)
        if owned is not None:
            draft.after.append(f"with {owned.phrase}")
            cursor.skip("is")
            return True
    cursor.skip("who", "drop")
    if landmark_first(cursor, draft):
        return True
    if cursor.kind() == "det":
        cursor.at += 1
    while cursor.kind() in ("is", "who", "drop", "speaker") or (
        cursor.kind() == "posture" and cursor.kind(1) not in ("noun", "", ",", ".")
    ):
        if cursor.kind() == "posture":
            _pose(cursor, draft)
        cursor.at += 1
    if cursor.kind() == "generic" and cursor.kind(1) in ("but", "except"):
        cursor.at += 1
        return exclude(cursor, draft, modifiers)
    if cursor.kind() == "posture" and cursor.kind(1) != "noun":
        return _posture(cursor, draft, nested)
    if cursor.kind() in ("adjective", "noun", "det", "idiom", "count", "number", "generic"):
        fragment(cursor, draft, nested, modifiers, predicate=True)
    return True


def _posture(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """ "standing behind the box" says where, "standing" alone says how."""
    _pose(cursor, draft)
    item = cursor.take()
    if cursor.kind() not in (
        "relation",
        "in",
        "on",
        "side",
        "place",
        "scene",
        "from",
        "rank",
        "attach",
        "with",
        "drop",
        "idiom",
        "posture",
        "not",
    ) and cursor.vocabulary.adjectives.intersection(item.words):
        draft.after.append(item.text)
    return True


def _pose(cursor: Cursor, draft: Draft) -> None:
    """ "lying behind the box": perhaps not only where it is."""
    item = cursor.peek()
    pose = cursor.vocabulary.pose_words.get(item.text) if item is not None else None
    if pose and cursor.kind(1) not in ("", ",", ".", "idiom") and "people" not in cursor.group(draft.noun):
        draft.poses.append(pose)


def _fragment(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    if not nested and cursor.kind() == "det" and landmark_first(cursor, draft):
        return True
    return fragment(cursor, draft, nested, modifiers)


def _idiom(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    item = cursor.take()
    if item.value:
        draft.after.append(item.value)
    elif item.words[-1] in cursor.vocabulary.colours:
        draft.before.append(item.text)
    else:
        draft.after.append(" ".join(word for word in item.words if word not in ("the", "is")))
    return True


def _of(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    return of_phrase(cursor, draft, modifiers)


def _but(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    ranks = [entry for entry in draft.modifiers if entry.kind == "rank"]
    if cursor.kind() == "but_n" and ranks:
        ranks[-1].n = cursor.take().value + 1
        return True
    if nested:
        return False
    excluding = any(entry.negated for entry in draft.modifiers)
    if (draft.generic and not excluding) or draft.count in ("all", "any"):
        return exclude(cursor, draft, modifiers)
    cursor.at += 1
    return True


def _count(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    if cursor.kind(1) in ("noun", "adjective", "generic", "det"):
        return fragment(cursor, draft, nested, modifiers)
    draft.count = cursor.take().value
    return True


def _with(read: Callable[..., bool]) -> Callable[[Cursor, Draft, bool], bool]:
    """A reader that needs to read modifiers of its own."""
    return lambda cursor, draft, nested: read(cursor, draft, nested, modifiers)


_READERS: dict[str, Callable[[Cursor, Draft, bool], bool]] = {
    **dict.fromkeys(("scene", "drop", "there", "speaker", "possessive"), _skip),
    "relation": _relation,
    "in": _with(inside_or_wearing),
    "on": lambda cursor, draft, nested: relation(cursor, draft, "on", cursor.take(), modifiers),
    "side": _place,
    "place": _place,
    "with": carrying,
    "unusable": _unusable,
    "then": _then,
    "wearing": worn,
    "from": _with(read_from),
    "rank": _with(read_rank),
    "to": _with(read_to),
    "ordinal": _with(read_ordinal),
    "numbered": _with(read_number),
    "number": _with(read_number),
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
