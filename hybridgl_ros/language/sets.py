"""One or some of a set: "one of the two cups", "the bigger of the mugs", "the left of the two"."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.ordinals import finish
from hybridgl_ros.language.phrases import noun_phrase


def absorb_set(
    cursor: Cursor, draft: Draft, members: Draft, end: tuple[str, str] | None, places: tuple[str, ...]
) -> None:
    """ "the left of the two cups": which of a set; what is said of the set comes first."""
    own = draft.modifiers
    number = members.number or (2 if members.count == "both" else None)
    draft.noun, draft.known = members.noun, members.known
    draft.before = [*draft.before, *(w for w in members.before if w not in draft.before)]
    draft.after = [*draft.after, *members.after]
    draft.modifiers = [*members.modifiers, *own]
    for entry in members.modifiers:
        entry.first = False
    if places:
        if end is not None:
            draft.modifiers.append(Modifier("rank", end, first=True))
        elif number and number % 2:
            draft.modifiers.append(Modifier("rank", ("x", "left"), n=(number + 1) // 2, first=True))
        else:
            draft.modifiers.append(Modifier("position", places, first=True))
    draft.generic = True


def _within(draft: Draft, vessel: Draft, cursor: Cursor, read: Callable[..., None]) -> bool:
    """ "the contents of the mug", "the ball out of the mug": what is inside it."""
    read(cursor, vessel, nested=True)
    finish(cursor, vessel)
    draft.modifiers.append(Modifier("relation", "inside", [vessel], words="inside"))
    return True


def of_phrase(cursor: Cursor, draft: Draft, read: Callable[..., None]) -> bool:
    """ "one of the two cups", "the bigger of the mugs", "a bowl of rice"."""
    start = cursor.at
    taken_out = cursor.take().text.startswith("out")
    if cursor.kind() == "pronoun":
        cursor.at += 1
        draft.plural = draft.count == "all"
        return True
    members = noun_phrase(cursor)
    if members is None:
        cursor.at = start + 1
        return True
    if members.count == "all" and not (members.named or members.generic or members.modifiers):
        return True
    chosen = draft.generic or not draft.noun
    if draft.noun in cursor.vocabulary.contents:
        draft.noun, draft.generic, draft.plural = "", True, False
        return _within(draft, members, cursor, read)
    if taken_out and not members.many and not members.count and "vessels" in cursor.group(members.noun):
        return _within(draft, members, cursor, read)
    if not chosen and not members.noun and members.before and cursor.vocabulary.colours.issuperset(members.before):
        draft.before += members.before
        return True
    if not chosen:
        draft.after.append("of " + members.phrase)
        return True
    read(cursor, members, nested=True)
    for entry in members.modifiers:
        entry.loose = False
    many = members.number or (2 if members.count == "both" else None)
    selective = (
        draft.ordinal is not None or any(m.kind in ("rank", "position") for m in draft.modifiers) or draft.before
    )
    if draft.count in ("all", "both"):
        draft.plural, draft.number = True, many
    elif draft.count == "any" or ((draft.number == 1 or draft.generic) and not selective):
        draft.count, draft.number = "any", many
    elif draft.number is None and selective:
        for entry in draft.modifiers:
            if entry.kind == "position" and entry.first and many and len(entry.value) == 1:
                end = cursor.vocabulary.ends.get(entry.value[0])
                if end is not None:
                    entry.kind, entry.value = "rank", end
                elif many % 2:
                    entry.kind, entry.value, entry.n = "rank", ("x", "left"), (many + 1) // 2
    absorb_set(cursor, draft, members, None, ())
    return True
