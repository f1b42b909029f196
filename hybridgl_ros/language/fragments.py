"""Noun phrases without a preposition after the first one: "guy on right, black hat"; "the cup, the red one"."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.ordinals import finish
from hybridgl_ros.language.phrases import noun_phrase
from hybridgl_ros.language.vocabulary import Vocabulary


def fragment(cursor: Cursor, draft: Draft, nested: bool, read: Callable[..., None], predicate: bool = False) -> bool:
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
        narrow(cursor.vocabulary, draft, other)
    elif group.intersection(("worn", "parts")) and not (other.determined and not other.indefinite):
        draft.after.append(f"with {other.phrase}")
        draft.modifiers.extend(other.modifiers)
    elif "people" in group and "worn" in cursor.group(draft.noun):
        clothes = " ".join([*draft.before, draft.noun])
        draft.noun, draft.known = other.noun, other.known
        draft.before = other.before
        draft.after = [*other.after, f"with {clothes}", *draft.after]
        draft.modifiers.extend(other.modifiers)
    elif not (draft.determined or other.determined) and group and cursor.group(draft.noun):
        draft.union.append(other)
    elif other.determined:
        draft.appositions.append(other)
    else:
        draft.after.append(other.phrase)
        draft.modifiers.extend(other.modifiers)


def narrow(vocabulary: Vocabulary, draft: Draft, other: Draft) -> None:
    """ "two mugs, the left one": one of those that were named before."""
    if draft.many and other.determined and not other.many and (other.modifiers or other.before or other.ordinal):
        number = draft.number
        for entry in other.modifiers:
            if entry.kind == "position" and entry.first:
                place = entry.value[0]
                if place in vocabulary.ends:
                    entry.kind, entry.value = "rank", vocabulary.ends[place]
                elif number and number % 2:
                    entry.kind, entry.value, entry.n = "rank", ("x", "left"), (number + 1) // 2
        draft.number, draft.count, draft.plural = None, "", False
    if draft.count == "other" and other.determined:
        draft.count = ""
    draft.absorb(other)


def _share(draft: Draft, other: Draft) -> None:
    """ "the first and the third ball from the left", "the left and right mugs": the end and the plural are of both."""
    end = next((entry.value for entry in other.modifiers if entry.kind == "rank"), None)
    if draft.ordinal is not None and end is not None:
        draft.modifiers.append(Modifier("rank", end, n=draft.ordinal, first=True))
        draft.ordinal = None
    if draft.modifiers and other.modifiers and not draft.plural and not draft.said:
        other.plural = False


def conjoin(cursor: Cursor, draft: Draft, either: bool, modifiers: Callable[..., None]) -> bool:
    """ "the ball and the ring left of it": another referent that is meant as well."""
    if cursor.antecedent is None:
        cursor.antecedent = draft
    start = cursor.at
    other = noun_phrase(cursor)
    if other is None:
        cursor.at = start
        return True
    if not (either or other.noun or other.determined or other.modifiers or other.generic) and draft.before:
        if cursor.vocabulary.colours.issuperset((draft.before[-1], *other.before)):
            draft.before[-1] += f" and {other.phrase}"
        else:
            draft.before += other.before
        return True
    group = cursor.group(other.noun)
    if (
        not either
        and group.intersection(("worn", "parts"))
        and not other.determined
        and "worn" not in cursor.group(draft.noun)
    ):
        draft.after.append(f"with {other.phrase}")
        return True
    if not draft.noun and other.noun and not draft.generic:
        draft.noun, draft.known = other.noun, other.known
    elif not other.noun:
        other.noun, other.known = draft.noun, draft.known
    modifiers(cursor, other)
    finish(cursor, other)
    _share(draft, other)
    finish(cursor, draft)
    if (either and draft.count == "any") or (draft.count == "both" and not draft.plural):
        draft.count = ""
    draft.either = either
    draft.union = [*draft.union, *draft.appositions, other, *other.union]
    draft.appositions, other.union = [], []
    return True
