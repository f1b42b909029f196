"""Relative clauses: "the block that the ball is on", "the ring that there is nothing in"; agreement."""

from __future__ import annotations

from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.phrases import noun_phrase

_SINGULAR, _PLURAL = ("is", "was", "has", "does"), ("are", "were")


def agrees(cursor: Cursor, draft: Draft) -> bool:
    """Whether "that is", "that are" can be said of one or several such things."""
    verb = cursor.peek(1)
    if verb is None or verb.kind != "is":
        return True
    return not (draft.many if verb.text in _SINGULAR else verb.text in _PLURAL and not draft.many)


def landmark_first(cursor: Cursor, draft: Draft) -> bool:
    """ "the block that the ball is on": the relation of the ball, turned round."""
    start = cursor.at
    if cursor.kind() == "det" and cursor.kind(1) in ("det", "there"):
        cursor.at += 1
    there = cursor.skip("there")
    negated = there and (cursor.skip("is"), cursor.skip("not"))[1]
    landmark = noun_phrase(cursor)
    joined = landmark is not None and (cursor.skip("is", "posture") or cursor.kind() == "relation")
    if landmark is not None and (there or (landmark.determined and joined)):
        item = cursor.peek()
        if item is not None and item.kind in ("relation", "in", "on") and cursor.kind(1) in ("", ",", "."):
            kind = item.value or {"in": "inside", "on": "on"}[item.kind]
            if kind in cursor.vocabulary.inverse:
                cursor.at += 1
                draft.modifiers.append(
                    Modifier("relation", cursor.vocabulary.inverse[kind], [landmark], negated=negated, words=item.text)
                )
                return True
    cursor.at = start
    return False


def settle_shared(cursor: Cursor, draft: Draft) -> None:
    """A relation whose landmark never came is a place where it can be one."""
    for entry in draft.modifiers:
        if entry.kind == "relation" and not entry.others:
            place = cursor.vocabulary.place_alone.get(entry.value, entry.value)
            if place in cursor.vocabulary.ends:
                entry.kind, entry.value = "position", (place,)
            else:
                cursor.ignored.append(entry.words)
    draft.modifiers = [entry for entry in draft.modifiers if entry.kind != "relation" or entry.others]
