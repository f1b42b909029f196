"""Relations to landmarks, places in the picture, "of" and "to"."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.attributes import wear
from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.lexer import Item
from hybridgl_ros.language.phrases import is_bare, noun_phrase

Read = Callable[..., None]


def relation(cursor: Cursor, draft: Draft, kind: str, item: Item, read: Read) -> bool:
    """Read the landmarks of a relation whose words have been taken."""
    vocabulary = cursor.vocabulary
    landmarks = between_landmarks(cursor, read) if kind == "between" else one_landmark(cursor, read)
    if not landmarks:
        if cursor.skip("speaker"):
            draft.modifiers.append(Modifier("position", ("near",), words=item.text))
        elif kind in vocabulary.place_alone:
            draft.modifiers.append(Modifier("position", vocabulary.place_alone[kind], words=item.text))
        elif kind in ("inside", "containing") and len(item.words[0]) > 2:
            draft.modifiers.append(Modifier("relation", kind, [Draft(generic=True)], words=item.text))
        elif kind == "between":
            draft.modifiers.append(Modifier("position", ("middle",), words=item.text))
        elif kind != "near" and item.kind not in ("in", "on"):
            cursor.ignored.append(item.text)
        return True
    if kind == "between":
        draft.modifiers.append(Modifier("relation", kind, landmarks, words=item.text))
        return True
    if landmarks[0].possessed:
        draft.modifiers += landmarks[0].modifiers
        return True
    draft.modifiers.append(Modifier("relation", kind, landmarks[:1], words=item.text))
    while another_landmark(cursor):
        cursor.at += 1
        more = one_landmark(cursor, read)
        draft.modifiers.append(Modifier("relation", kind, more, words=item.text))
    return True


def another_landmark(cursor: Cursor) -> bool:
    """Whether "and the box" goes on with landmarks ("next to the ball and the box")."""
    if cursor.kind() != "and":
        return False
    return cursor.kind(2 if cursor.kind(1) == "det" else 1) in ("noun", "adjective", "rank", "ordinal")


def one_landmark(cursor: Cursor, read: Read) -> list[Draft]:
    """The landmark that stands here; what a pronoun stands for is what was said before."""
    if cursor.kind() == "pronoun":
        if cursor.kind(1) in ("noun", "adjective"):
            cursor.at += 1
        else:
            cursor.at += 1
            return [cursor.antecedent.copy()] if cursor.antecedent else []
    landmark = noun_phrase(cursor)
    if landmark is None:
        return []
    read(cursor, landmark, nested=True)
    finish(cursor, landmark)
    if cursor.antecedent is None:
        cursor.antecedent = landmark
    return [landmark]


def between_landmarks(cursor: Cursor, read: Read) -> list[Draft]:
    """Two landmarks, or one that stands for two ("the two balls")."""
    found = one_landmark(cursor, read)
    if not found:
        return []
    if cursor.kind() == "," and cursor.kind(1) == "and":
        cursor.at += 1
    if found[0].union:
        second = found[0].union.pop()
        found.append(second)
    elif cursor.kind() in ("and", "or"):
        start = cursor.at
        cursor.at += 1
        more = one_landmark(cursor, read)
        if not more:
            cursor.at = start
        found += more
    if len(found) == 2:
        first, second = found
        if not first.noun and not first.modifiers and second.noun and not first.generic:
            first.noun, first.known = second.noun, second.known
        elif not second.noun and (second.generic or second.before):
            second.noun, second.known = first.noun, first.known
        for one in found:
            one.plural = False
    elif found[0].many or found[0].count:
        found[0].number = 2 if found[0].number in (None, 1) else found[0].number
    return found


def place(cursor: Cursor, draft: Draft, read: Read) -> bool:
    """A place in the picture, or a relation when it is a place of something ("on the left of the box")."""
    vocabulary = cursor.vocabulary
    item = cursor.take()
    places = item.value
    if cursor.kind() == "of":
        start = cursor.at
        cursor.at += 1
        if places == ("middle",):
            landmarks = between_landmarks(cursor, read)
            kind = "between" if len(landmarks) == 2 or (landmarks and landmarks[0].many) else "inside"
            if landmarks and kind == "between" and not (is_bare(cursor, item) and not draft.noun):
                draft.modifiers.append(Modifier("relation", kind, landmarks, words=item.text))
                return True
        else:
            landmarks = one_landmark(cursor, read)
        if landmarks:
            if not draft.noun and is_bare(cursor, item) and landmarks[0].many:
                absorb_set(cursor, draft, landmarks[0], vocabulary.ends.get(places[0]), places)
            else:
                for entry in places:
                    kind = vocabulary.place_of[entry]
                    if len(places) > 1 and entry in ("top", "bottom"):
                        kind = "above" if entry == "top" else "below"
                    draft.modifiers.append(Modifier("relation", kind, [landmarks[0]], words=item.text))
            return True
        cursor.at = start + 1
    if not places:
        cursor.ignored.append(item.text)
        return True
    draft.modifiers.append(Modifier("position", tuple(places), words=item.text))
    return True


def absorb_set(cursor: Cursor, draft: Draft, members: Draft, end: tuple[str, str] | None, places: tuple[str, ...]) -> None:
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


def of_phrase(cursor: Cursor, draft: Draft, read: Read) -> bool:
    """ "one of the two cups", "the bigger of the mugs", "a bowl of rice"."""
    start = cursor.at
    cursor.at += 1
    if cursor.kind() == "pronoun":
        cursor.at += 1
        draft.plural = draft.count == "all"
        return True
    members = noun_phrase(cursor)
    if members is None:
        cursor.at = start + 1
        return True
    chosen = draft.generic or not draft.noun
    if not chosen:
        draft.after.append("of " + members.phrase)
        return True
    read(cursor, members, nested=True)
    for entry in members.modifiers:
        entry.loose = False
    many = members.number or (2 if members.count == "both" else None)
    selective = draft.ordinal is not None or any(m.kind in ("rank", "position") for m in draft.modifiers) or draft.before
    if draft.count in ("all", "both"):
        draft.plural, draft.number = True, many
    elif draft.count == "any" or (draft.number == 1 or draft.generic) and not selective:
        draft.count, draft.number = "any", many
    elif draft.number is None and selective:
        for entry in draft.modifiers:
            if entry.kind == "position" and entry.first and many and len(entry.value) == 1:  # type: ignore[arg-type]
                end = cursor.vocabulary.ends.get(entry.value[0])  # type: ignore[index]
                if end is not None:
                    entry.kind, entry.value = "rank", end
                elif many % 2:
                    entry.kind, entry.value, entry.n = "rank", ("x", "left"), (many + 1) // 2
    absorb_set(cursor, draft, members, None, ())
    return True


def to_phrase(cursor: Cursor, draft: Draft, entry: Modifier, read: Read) -> bool:
    """ "closest to the ring": a distance to a landmark instead of a depth."""
    start = cursor.at
    cursor.skip("to", "from")
    if cursor.kind() == "relation":
        cursor.at += 1
    landmarks = one_landmark(cursor, read)
    if not landmarks:
        cursor.at = max(start, cursor.at)
        if cursor.at == start:
            return False
        return True
    near = entry.value[1] == "near"  # type: ignore[index]
    entry.value, entry.others = ("distance", "close" if near else "remote"), landmarks
    return True


def inside_or_wearing(cursor: Cursor, draft: Draft, read: Read) -> bool:
    """ "in the box" is a relation, "in a white shirt" and "in red" are attributes."""
    item = cursor.take()
    start = cursor.at
    phrase = noun_phrase(cursor)
    if phrase is not None and phrase.count == "" and phrase.number is None:
        colour = not phrase.noun and bool(phrase.before)
        clothes = "worn" in cursor.group(phrase.noun) or phrase.noun in cursor.vocabulary.colours
        if (colour and not phrase.generic) or clothes:
            wear(cursor, draft, item.words[0], phrase)
            return True
    cursor.at = start
    return relation(cursor, draft, "inside", item, read)


def finish(cursor: Cursor, draft: Draft) -> None:
    """Find the end to count from for an ordinal that names none."""
    if draft.ordinal is None:
        return
    vocabulary, n = cursor.vocabulary, draft.ordinal
    draft.ordinal = None
    for entry in draft.modifiers:
        if entry.kind == "position" and len(entry.value) == 1 and entry.value[0] in vocabulary.ends:  # type: ignore[arg-type,index]
            entry.kind, entry.value = "rank", vocabulary.ends[entry.value[0]]  # type: ignore[index]
            entry.n, entry.first = max(n, 1), True
            return
    for entry in draft.modifiers:
        if entry.kind == "relation" and entry.value in vocabulary.direction and not entry.negated:
            draft.modifiers.append(Modifier("rank", vocabulary.direction[str(entry.value)], n=n, first=True))
            return
        if entry.kind == "rank":
            entry.n = n
            return
    draft.modifiers.append(Modifier("rank", vocabulary.default_end, n=n, first=True))
    cursor.notes.append(f"counted from the {vocabulary.default_end[1]}")
