"""Relations to landmarks, places in the picture, "of" and "to"."""

from __future__ import annotations

from collections.abc import Callable

from hybridgl_ros.language.attributes import wear
from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.lexer import Item
from hybridgl_ros.language.ordinals import finish
from hybridgl_ros.language.phrases import is_bare, noun_phrase
from hybridgl_ros.language.sets import absorb_set

_TURNED = ("there", "is", "det", "posture", "drop", "count", "number")
Read = Callable[..., None]


def relation(cursor: Cursor, draft: Draft, kind: str, item: Item, read: Read) -> bool:
    """Read the landmarks of a relation whose words have been taken."""
    vocabulary = cursor.vocabulary
    if is_relative(cursor) and kind in vocabulary.inverse:
        return turned_round(cursor, draft, vocabulary.inverse[kind], item, read)
    if shared(cursor) and kind in vocabulary.inverse:
        draft.modifiers.append(Modifier("relation", kind, words=item.text))
        return True
    if kind == "between" and cursor.kind() == "speaker" and cursor.kind(1) == "and":
        # Between us and the bottle is in front of the bottle.
        cursor.at += 2
        kind = "front"
    landmarks = between_landmarks(cursor, read) if kind == "between" else one_landmark(cursor, read)
    if not landmarks:
        if cursor.skip("speaker"):
            draft.modifiers.append(
                Modifier("position", (vocabulary.place_by_viewer.get(kind, "near"),), words=item.text)
            )
        elif kind in vocabulary.place_alone:
            draft.modifiers.append(Modifier("position", (vocabulary.place_alone[kind],), words=item.text))
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
    for landmark in landmarks:
        same_kind(draft, landmark)
    if landmarks[0].possessed:
        draft.modifiers += landmarks[0].modifiers
        return True
    draft.modifiers.append(Modifier("relation", kind, landmarks[:1], words=item.text))
    share(draft, landmarks[0])
    while another_landmark(cursor):
        cursor.at += 1
        more = one_landmark(cursor, read)
        draft.modifiers.append(Modifier("relation", kind, more, words=item.text))
    return True


def turned_round(cursor: Cursor, draft: Draft, kind: str, item: Item, read: Read) -> bool:
    """ "the ring in which there is a ball", "the box behind which the cup stands"."""
    cursor.at += 1
    cursor.skip("who", "there", "is", "posture", "drop")
    landmark = noun_phrase(cursor)
    if landmark is None:
        cursor.ignored.append(item.text)
        return True
    cursor.skip("is", "posture", "verb")
    read(cursor, landmark, nested=True)
    finish(cursor, landmark)
    draft.modifiers.append(Modifier("relation", kind, [landmark], words=item.text))
    return True


def is_relative(cursor: Cursor) -> bool:
    """Whether a relation is said of what comes next: "in which", "behind whom"."""
    item = cursor.peek()
    return item is not None and item.text in ("which", "whom", "that") and cursor.kind(1) in _TURNED


def shared(cursor: Cursor) -> bool:
    """Whether another relation to the same landmark comes first ("left of and below the ball")."""
    return cursor.kind() in ("and", "or", "but") and cursor.kind(1) in ("relation", "side")


def share(draft: Draft, landmark: Draft) -> None:
    """Give relations that waited for a landmark the one that was named last."""
    for entry in draft.modifiers:
        if entry.kind == "relation" and not entry.others:
            entry.others = [landmark.copy()]


def same_kind(draft: Draft, landmark: Draft) -> None:
    """ "the red cup behind the blue one": another cup."""
    if landmark.generic and not landmark.noun and landmark.said == "one":
        landmark.noun, landmark.known = draft.noun, draft.known


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
            pronoun = cursor.take()
            if cursor.antecedent is None:
                cursor.notes.append(f"nothing was named that '{pronoun.text}' could stand for")
                return []
            cursor.referred = True
            return [cursor.antecedent.copy()]
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
        colour = bool(cursor.vocabulary.colours.intersection((first.noun, second.noun)))
        if not first.noun and not first.modifiers and second.noun and not first.generic and not colour:
            first.noun, first.known = second.noun, second.known
        elif not second.noun and (second.generic or second.before) and not colour:
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
    if cursor.antecedent is not None and vocabulary.possessives.intersection(item.words):
        cursor.referred = True
        for side in places:
            owner = cursor.antecedent.copy()
            draft.modifiers.append(Modifier("relation", vocabulary.place_of[side], [owner], words=item.text))
        return True
    missing_of = (
        places in (("left",), ("right",)) and item.text in vocabulary.sides and cursor.kind() == "det" and draft.noun
    )
    if cursor.kind() == "of" or missing_of:
        start = cursor.at
        cursor.skip("of")
        if shared(cursor) and len(places) == 1 and places != ("middle",):
            draft.modifiers.append(Modifier("relation", vocabulary.place_of[places[0]], words=item.text))
            return True
        if is_relative(cursor) and len(places) == 1 and places != ("middle",):
            return turned_round(cursor, draft, vocabulary.inverse[vocabulary.place_of[places[0]]], item, read)
        if places == ("middle",):
            landmarks = between_landmarks(cursor, read)
            kind = "between" if len(landmarks) == 2 or (landmarks and landmarks[0].many) else "inside"
            if landmarks and kind == "between" and not (is_bare(cursor, item) and not draft.noun):
                draft.modifiers.append(Modifier("relation", kind, landmarks, words=item.text))
                return True
        else:
            landmarks = one_landmark(cursor, read)
        if landmarks:
            nearest = next((m for m in draft.modifiers if m.kind == "rank" and m.first and m.value[0] == "depth"), None)
            if nearest is not None and item.words[0] == "to":
                nearest.value, nearest.others = (
                    ("distance", "close" if nearest.value[1] == "near" else "remote"),
                    landmarks[:1],
                )
            if not draft.noun and is_bare(cursor, item) and landmarks[0].many:
                absorb_set(cursor, draft, landmarks[0], vocabulary.ends.get(places[0]), places)
            else:
                for entry in places:
                    kind = vocabulary.place_of[entry]
                    if len(places) > 1 and entry in ("top", "bottom"):
                        kind = "above" if entry == "top" else "below"
                    draft.modifiers.append(Modifier("relation", kind, [landmarks[0]], words=item.text))
                share(draft, landmarks[0])
            return True
        cursor.at = start + 1
    kind = vocabulary.prepositions.get(item.words[0], "")
    if (
        kind
        and len(item.words) > 2
        and item.words[-1] in vocabulary.sides
        and (cursor.kind() in ("noun", "adjective", "generic") or _one(cursor))
    ):
        landmark = noun_phrase(cursor)
        if landmark is not None:
            landmark.modifiers.insert(0, Modifier("position", tuple(places), first=True))
            read(cursor, landmark, nested=True)
            same_kind(draft, landmark)
            if kind == "inside" and "worn" in cursor.group(landmark.noun):
                draft.after.append(f"in {item.words[-1]} {landmark.phrase}")
            else:
                draft.modifiers.append(Modifier("relation", kind, [landmark], words=item.text))
            return True
    neighbour = draft.modifiers[-1] if draft.modifiers else None
    if neighbour is not None and neighbour.words in ("neighbour", "neighbor") and len(places) == 1:
        neighbour.value = vocabulary.place_of[places[0]]
        return True
    if not places:
        cursor.ignored.append(item.text)
        return True
    draft.modifiers.append(Modifier("position", tuple(places), words=item.text))
    return True


def _one(cursor: Cursor) -> bool:
    item = cursor.peek()
    return item is not None and item.text == "one"


def inside_or_wearing(cursor: Cursor, draft: Draft, nested: bool, read: Read) -> bool:
    """ "in the box" is a relation, "in a white shirt" and "in red" are attributes."""
    item = cursor.take()
    start = cursor.at
    phrase = None if is_relative(cursor) else noun_phrase(cursor)
    if phrase is not None and phrase.count == "" and phrase.number is None:
        colour = not phrase.noun and bool(phrase.before)
        clothes = "worn" in cursor.group(phrase.noun) or phrase.noun in cursor.vocabulary.colours
        if (colour and not phrase.generic) or clothes:
            if nested and draft.known and "people" not in cursor.group(draft.noun):
                cursor.at = start - 1
                return False
            wear(cursor, draft, item.words[0], phrase)
            return True
    cursor.at = start
    return relation(cursor, draft, "inside", item, read)
