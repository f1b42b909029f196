"""What stays in the phrase: clothes, handles, what someone does; and "with a ball in it", which does not."""

from __future__ import annotations

from hybridgl_ros.language.draft import Cursor, Draft, Modifier
from hybridgl_ros.language.lexer import Item
from hybridgl_ros.language.phrases import noun_phrase

_ENDS = ("", ",", ".")


def wear(cursor: Cursor, draft: Draft, preposition: str, phrase: Draft) -> None:
    """Attach clothes or a colour, and what is listed after it ("in a black shirt and jeans")."""
    words = [preposition, phrase.phrase]
    while cursor.kind() == "and":
        start = cursor.at
        cursor.at += 1
        more = noun_phrase(cursor)
        fits = more is not None and (
            cursor.group(more.noun).intersection(("worn", "parts")) or (not more.noun and more.before)
        )
        if more is None or not fits or (more.determined and not more.indefinite):
            cursor.at = start
            break
        words += ["and", more.phrase]
    draft.after.append(" ".join(words))


def worn(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """ "wearing a hat"."""
    item = cursor.take()
    phrase = noun_phrase(cursor)
    if phrase is not None:
        wear(cursor, draft, item.words[0], phrase)
    return True


def carrying(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """ "with a handle", "with no lid", "with a ball in it"; "with" is next."""
    return carry(cursor, draft, cursor.take(), negated=cursor.skip("not"))


def carry(cursor: Cursor, draft: Draft, item: Item, negated: bool) -> bool:
    """ "a handle" is an attribute, "a ball in it" a relation, "no lid" a negation; the preposition has been taken."""
    start = cursor.at
    if cursor.kind() == "pronoun" and cursor.kind(1) in ("noun", "adjective"):
        cursor.at += 1
    phrase = noun_phrase(cursor)
    if phrase is None:
        if negated:
            cursor.ignored.append(item.text)
        return True
    if _held(cursor, draft, phrase, negated):
        return True
    if not phrase.noun and phrase.before and cursor.vocabulary.colours.issuperset(phrase.before):
        if negated:
            draft.modifiers.append(Modifier("attribute", " ".join(phrase.before), negated=True, words=item.text))
        else:
            draft.before += phrase.before
        return True
    text = f"with {phrase.phrase}".strip()
    group = cursor.group(phrase.noun)
    if "parts" in group and cursor.kind() == "side" and _own(cursor, start):
        cursor.ignored.append(f"{item.text} {phrase.phrase} {cursor.take().text}")
        return True
    if negated and group and not group & {"worn", "parts"} and "vessels" in cursor.group(draft.noun):
        draft.modifiers.append(Modifier("relation", "containing", [phrase], negated=True, words=item.text))
    elif negated:
        draft.modifiers.append(Modifier("attribute", text, negated=True, words=item.text))
    elif phrase.phrase:
        wear(cursor, draft, "with", phrase)
    else:
        cursor.at = start
    return True


def _own(cursor: Cursor, start: int) -> bool:
    """Whether a part is said to be the referent's own: "its handle"."""
    return not cursor.vocabulary.possessives.isdisjoint(cursor.items[start].words)


def _held(cursor: Cursor, draft: Draft, phrase: Draft, negated: bool) -> bool:
    """ "with a ball in it", "with a ball on top": the inverse relation, with the ball as landmark."""
    vocabulary = cursor.vocabulary
    cursor.skip("who", "is", "posture")
    following = cursor.peek()
    if following is None:
        return False
    back = cursor.kind(1) == "pronoun" or (cursor.kind(1) == "of" and cursor.kind(2) == "pronoun")
    alone = cursor.kind(1) in _ENDS
    owned = cursor.peek(1)
    foot = owned is not None and not vocabulary.possessives.isdisjoint(owned.words) and cursor.kind(2) == "noun"
    back = back or foot
    part = cursor.group(phrase.noun).intersection(("worn", "parts"))
    relation = ""
    if following.kind in ("relation", "in", "on"):
        kind = following.value or {"in": "inside", "on": "on"}.get(following.kind, "")
        if (back and not part) or (alone and not part):
            relation = vocabulary.inverse.get(kind, "")
    elif following.kind in ("side", "place") and following.value:
        own = {"its", "his", "her"}.intersection(following.words)
        if (
            back
            or own
            or (alone and not part and phrase.indefinite and following.value[0] in ("top", "bottom", "middle"))
        ):
            relation = vocabulary.inverse_alone.get(following.value[0], "")
    if not relation:
        return False
    cursor.at += 1
    cursor.skip("of")
    cursor.skip("pronoun")
    if foot:
        cursor.at += 2
    draft.modifiers.append(Modifier("relation", relation, [phrase], negated=negated, words=following.text))
    return True


def doing(cursor: Cursor, draft: Draft, nested: bool) -> bool:
    """ "holding a bat", "made of wood", "for coffee": the words stay with the noun, open vocabulary."""
    item = cursor.take()
    words = [item.text]
    while cursor.kind() in ("of", "to", "attach", "adverb"):
        words.append(cursor.take().text)
    if cursor.kind() == "pronoun":
        cursor.at += 1
    phrase = noun_phrase(cursor)
    if phrase is not None and item.text in cursor.vocabulary.holding and "vessels" in cursor.group(draft.noun):
        draft.modifiers.append(Modifier("relation", "containing", [phrase], words=item.text))
        return True
    if phrase is not None and phrase.phrase:
        words.append(phrase.phrase)
    elif item.kind != "verb":
        if item.kind == "adverb" or item.words[0] not in ("up", "down", "out", "away", "back", "off", "past"):
            cursor.ignored.append(item.text)
        return True
    draft.after.append(" ".join(words))
    return True
