"""Ordinals that name no end to count from: "the second on the left", "the third cup"."""

from __future__ import annotations

from hybridgl_ros.language.draft import Cursor, Draft, Modifier


def finish(cursor: Cursor, draft: Draft) -> None:
    """Find the end to count from for an ordinal that names none."""
    if draft.ordinal is None:
        return
    vocabulary, n = cursor.vocabulary, draft.ordinal
    draft.ordinal = None
    for entry in draft.modifiers:
        if entry.kind == "position" and len(entry.value) == 1 and entry.value[0] in vocabulary.ends:
            entry.kind, entry.value = "rank", vocabulary.ends[entry.value[0]]
            entry.n, entry.first = abs(n), True
            return
    for entry in draft.modifiers:
        if entry.kind == "relation" and entry.value in vocabulary.direction and not entry.negated:
            draft.modifiers.append(Modifier("rank", vocabulary.direction[str(entry.value)], n=n, first=True))
            return
        if entry.kind == "rank":
            entry.n = n
            return
    if cursor.origin is not None:
        draft.modifiers.append(Modifier("rank", cursor.origin.value, n=n, first=True, words=cursor.origin.text))
        cursor.origin = None
        return
    draft.modifiers.append(Modifier("rank", vocabulary.default_end, n=n, first=True))
    cursor.notes.append(f"counted from the {vocabulary.default_end[1]}")
