"""What is not meant: "not red", "not left of the ball", "other than the mug", "anything but the one on the left"."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.phrases import noun_phrase
from hybridgl_ros.language.relations import finish


def exclude(cursor: Cursor, draft: Draft, read: Callable[..., None]) -> bool:
    """Read what is left out; words of exclusion are next."""
    item = cursor.take()
    cursor.skip("not", "drop", "of", "who")
    start = cursor.at
    other = noun_phrase(cursor)
    if other is None:
        other = Draft(generic=True)
    read(cursor, other, nested=True)
    finish(cursor, other)
    for entry in other.modifiers:
        entry.loose = False
    if cursor.at == start:
        cursor.ignored.append(item.text)
        return True
    if not other.noun and other.modifiers:
        other.noun, other.known = draft.noun, draft.known
    add_exclusion(draft, other)
    return True


def add_exclusion(draft: Draft, other: Draft) -> None:
    """Whatever is described when only attributes are named ("the red one", "a mug"), else the very referent."""
    for one in (other, *other.union):
        if one.modifiers or (one.noun and one.determined and not one.indefinite) or not one.named:
            draft.modifiers.append(Modifier("except", others=[one], negated=True))
        else:
            draft.modifiers.append(Modifier("attribute", one.phrase, [one], negated=True))
    other.union = []


def negate(
    cursor: Cursor, draft: Draft, read: Callable[..., None], one: Callable[[Cursor, Draft, bool], bool]
) -> bool:
    """Read what "not" is said of: an attribute, a clause, or another referent."""
    item = cursor.take()
    cursor.skip("is", "drop", "who", "posture")
    if cursor.kind() == "with":
        cursor.at += 1
    kind = cursor.kind()
    if item.text in ("without", "lacking", "free of"):
        if cursor.kind() == "count":
            cursor.at += 1
        phrase = noun_phrase(cursor)
        if phrase is None:
            cursor.ignored.append(item.text)
        else:
            draft.modifiers.append(Modifier("attribute", f"with {phrase.phrase}", negated=True))
            while cursor.kind() == "or":
                cursor.at += 1
                more = noun_phrase(cursor)
                if more:
                    draft.modifiers.append(Modifier("attribute", f"with {more.phrase}", negated=True))
        return True
    if kind in ("det", "noun", "adjective", "generic", "count", "number", "ordinal", "idiom"):
        known = len(draft.modifiers)
        cursor.at -= 1
        exclude(cursor, draft, read)
        while cursor.kind() in ("or", "not", "and") and cursor.kind(1) in ("adjective", "noun", "det", "not"):
            if cursor.kind() == "and" and cursor.kind(1) != "not":
                break
            cursor.at += 1
            cursor.skip("not")
            cursor.at -= 1
            exclude(cursor, draft, read)
        return len(draft.modifiers) > known or True
    scratch = Draft(noun=draft.noun, generic=draft.generic)
    if not kind or not one(cursor, scratch, False):
        cursor.ignored.append(item.text)
        return True
    if scratch.after and not scratch.modifiers:
        draft.modifiers.append(Modifier("attribute", " ".join(scratch.after), negated=True))
    for entry in scratch.modifiers:
        entry.negated = not entry.negated
        draft.modifiers.append(entry)
    return True
