"""Ranks, and the ends and landmarks that they are counted from."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.attributes import doing
from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.fragments import fragment
from hybridgl_ros.language.lexer import Item
from hybridgl_ros.language.phrases import noun_phrase
from hybridgl_ros.language.relations import one_landmark, same_kind

Read = Callable[..., None]


def to_phrase(cursor: Cursor, draft: Draft, entry: Modifier, read: Read) -> bool:
    """ "closest to the ring": a distance to a landmark instead of a depth."""
    start = cursor.at
    cursor.skip("to", "from")
    if cursor.skip("speaker"):
        return True
    viewer = cursor.peek(1 if cursor.kind() == "det" else 0)
    if viewer is not None and viewer.text in cursor.vocabulary.viewer:
        cursor.skip("det")
        cursor.at += 1
        return True
    if cursor.kind() == "relation":
        cursor.at += 1
    landmarks = one_landmark(cursor, read)
    if not landmarks:
        return cursor.at != start
    same_kind(draft, landmarks[0])
    near = entry.value[1] == "near"
    entry.value, entry.others = ("distance", "close" if near else "remote"), landmarks
    return True


def to_place(cursor: Cursor, entry: Modifier, item: Item | None) -> bool:
    """ "closest to the left edge", "farthest from the right": ranked towards or away from an end of the picture."""
    if item is None or entry.kind != "rank" or entry.others or entry.value[0] != "depth":
        return False
    vocabulary = cursor.vocabulary
    places = item.value if item.kind == "side" else [p for p, end in vocabulary.ends.items() if end == item.value]
    if len(places) != 1:
        return False
    place = places[0]
    if place == "middle":
        entry.kind, entry.value = "position", ("middle",)
        return True
    if entry.value[1] == "far":
        place = vocabulary.opposite[place] if item.kind == "from" else place
    entry.value = vocabulary.ends[place]
    return True


def read_from(cursor: Cursor, draft: Draft, nested: bool, read: Read) -> bool:
    if draft.ordinal is None:
        if draft.modifiers and to_place(cursor, draft.modifiers[-1], cursor.peek()):
            cursor.at += 1
            return True
        ranks = [entry for entry in draft.modifiers if entry.kind == "rank"]
        if nested:
            return False
        item = cursor.take()
        if not ranks:
            cursor.origin = item
        return True
    item = cursor.take()
    draft.modifiers.append(Modifier("rank", item.value, n=draft.ordinal, first=True, words=item.text))
    draft.ordinal = None
    return True


def read_rank(cursor: Cursor, draft: Draft, nested: bool, read: Read) -> bool:
    item = cursor.take()
    entry = Modifier("rank", item.value, n=draft.ordinal or 1, words=item.text)
    draft.ordinal = None
    draft.modifiers.append(entry)
    following = cursor.peek(1 if cursor.kind() in ("det", "to") else 0)
    if following is not None and following.kind in ("side", "from") and to_place(cursor, entry, following):
        cursor.skip("det", "to")
        cursor.at += 1
    elif item.value[0] == "depth" and cursor.kind() in ("to", "det", "pronoun", "noun", "adjective"):
        to_phrase(cursor, draft, entry, read)
    return True


def read_to(cursor: Cursor, draft: Draft, nested: bool, read: Read) -> bool:
    start = cursor.at
    item = cursor.peek()
    if item is not None and item.text == "than":
        if nested:
            return False
        cursor.at += 1
        other = noun_phrase(cursor)
        cursor.ignored.append(f"than {other.phrase}" if other else "than")
        return True
    cursor.at += 1
    side = noun_phrase(cursor)
    if side is not None and side.possessed:
        draft.modifiers += side.modifiers
        return True
    cursor.at = start
    entry = next((m for m in draft.modifiers if m.kind == "rank" and m.value[0] == "depth"), None)
    if entry is None or entry.others:
        return not nested and doing(cursor, draft, nested)
    return to_phrase(cursor, draft, entry, read)


def read_ordinal(cursor: Cursor, draft: Draft, nested: bool, read: Read) -> bool:
    if nested and cursor.kind(1) not in ("from", "side", "relation"):
        return False
    item = cursor.take()
    if cursor.kind() == "rank":
        draft.ordinal = item.value
    elif cursor.kind() in ("noun", "adjective", "generic", "number"):
        cursor.at -= 1
        return fragment(cursor, draft, nested, read)
    else:
        draft.ordinal = item.value
    return True


def read_number(cursor: Cursor, draft: Draft, nested: bool, read: Read) -> bool:
    """ "cube two", "bus number 18": an ordinal, or a name that it bears."""
    following = cursor.kind(1)
    if following in ("noun", "adjective", "generic", "of", "rank"):
        return fragment(cursor, draft, nested, read)
    item = cursor.take()
    beside = following == "relation" or (following == "side" and cursor.kind(1) == "of")
    if item.text == "one" and not beside and following != "from":
        return True
    if following == "from" or beside or (draft.noun and "people" not in cursor.group(draft.noun) and item.value <= 10):
        draft.ordinal = item.value
    else:
        draft.after.append(item.text)
    return True
