"""Noun phrases without a preposition after the first one: "guy on right, black hat"; "the cup, the red one"."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.draft import Cursor, Draft
from hybridgl_ros.language.phrases import noun_phrase
from hybridgl_ros.language.relations import finish


def fragment(
    cursor: Cursor, draft: Draft, nested: bool, read: Callable[..., None], predicate: bool = False
) -> bool:
    """Read a noun phrase that says more of the same referent."""
    if nested and not predicate:
        return False
    start = cursor.at
    other = noun_phrase(cursor)
    if other is None:
        cursor.at = start
        return False
    if predicate and other.noun and not other.known and not other.determined and not draft_takes(cursor, other):
        draft.before.append(other.phrase)
        return True
    merge(cursor, draft, other)
    return True


def draft_takes(cursor: Cursor, other: Draft) -> bool:
    return bool(cursor.group(other.noun))


def merge(cursor: Cursor, draft: Draft, other: Draft) -> None:
    """Put what another phrase says of the same referent together with what is known."""
    group = cursor.group(other.noun)
    same = not other.noun or other.noun == draft.noun
    if same or not draft.noun:
        draft.absorb(other)
    elif group.intersection(("worn", "parts")) and not (other.determined and not other.indefinite):
        draft.after.append(f"with {other.phrase}")
        draft.modifiers.extend(other.modifiers)
    elif "people" in group and "worn" in cursor.group(draft.noun):
        clothes = " ".join([*draft.before, draft.noun])
        draft.noun, draft.known = other.noun, other.known
        draft.before = other.before
        draft.after = [*other.after, f"with {clothes}", *draft.after]
        draft.modifiers.extend(other.modifiers)
    elif other.determined:
        draft.appositions.append(other)
    else:
        draft.after.append(other.phrase)
        draft.modifiers.extend(other.modifiers)


def conjoin(cursor: Cursor, draft: Draft, either: bool, modifiers: Callable[..., None]) -> bool:
    """ "the ball and the ring left of it": another referent that is meant as well."""
    if cursor.antecedent is None:
        cursor.antecedent = draft
    start = cursor.at
    other = noun_phrase(cursor)
    if other is None:
        cursor.at = start
        return True
    group = cursor.group(other.noun)
    if not either and group.intersection(("worn", "parts")) and not other.determined and "worn" not in cursor.group(draft.noun):
        draft.after.append(f"with {other.phrase}")
        return True
    if not draft.noun and other.noun and not draft.generic:
        draft.noun, draft.known = other.noun, other.known
    elif not other.noun:
        other.noun, other.known = draft.noun, draft.known
    finish(cursor, draft)
    modifiers(cursor, other)
    finish(cursor, other)
    draft.either = either
    draft.union = [*draft.union, *draft.appositions, other, *other.union]
    draft.appositions, other.union = [], []
    return True
