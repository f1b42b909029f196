"""What is not meant: "not red", "not left of the ball", "other than the mug", "anything but the one on the left"."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.attributes import carry
from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.ordinals import finish
from hybridgl_ros.language.phrases import noun_phrase


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
    if not (other.named or other.modifiers or other.union):
        cursor.ignored.append(f"{item.text} {other.said}".strip())
        return True
    if not other.noun and other.modifiers:
        other.noun, other.known = draft.noun, draft.known
        if not other.named or not other.before:
            other.before, other.after = list(draft.before), [*draft.after, *other.after]
    add_exclusion(draft, other)
    if cursor.kind() == "and" and cursor.kind(1) in ("det", "noun") and cursor.kind(2) not in ("not", "relation"):
        return exclude(cursor, draft, read)
    return True


def add_exclusion(draft: Draft, other: Draft) -> None:
    """Whatever is described when only attributes are named ("the red one", "a mug"), else the very referent."""
    for one in (other, *other.union):
        if one.modifiers or (one.noun and one.determined and not one.indefinite) or not one.named:
            draft.modifiers.append(Modifier("except", others=[one], negated=True))
        else:
            draft.modifiers.append(
                Modifier("attribute", " ".join([*one.before, one.noun, *one.after]).strip(), [one], negated=True)
            )
    other.union = []


def negate(cursor: Cursor, draft: Draft, read: Callable[..., None], one: Callable[[Cursor, Draft, bool], bool]) -> bool:
    """Read what "not" is said of: an attribute, a clause, or another referent."""
    item = cursor.take()
    cursor.skip("is", "drop", "who")
    if cursor.kind() == "posture":
        pose = cursor.take()
        if cursor.kind() in ("", ",", "."):
            draft.modifiers.append(Modifier("attribute", pose.text, negated=True))
            return True
    if cursor.kind() == "with":
        return carry(cursor, draft, cursor.take(), negated=True)
    kind = cursor.kind()
    if item.text in cursor.vocabulary.without:
        carry(cursor, draft, item, negated=True)
        while cursor.kind() == "or" and cursor.kind(1) in ("det", "noun", "adjective"):
            cursor.at += 1
            carry(cursor, draft, item, negated=True)
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
