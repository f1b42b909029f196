"""A reading in the making: what has been said of one referent, before attachments and orders are decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hybridgl_ros.language.lexer import Item
from hybridgl_ros.language.vocabulary import Vocabulary


@dataclass
class Modifier:
    """One thing said of a referent.

    kind: relation, rank, position, attribute-negation ("without") or exclusion ("except"). value: the relation, the
    (axis, end), the places, the words. others: landmarks or what is excluded. negated: "not …".
    loose: it may as well belong to the referent whose landmark this is said of. late: said after a comma.
    first: said before the noun. words: how it was said.
    """

    kind: str
    value: Any = None
    others: list[Draft] = field(default_factory=list)
    n: int = 1
    negated: bool = False
    loose: bool = False
    late: bool = False
    first: bool = False
    words: str = ""


@dataclass
class Draft:
    """One referent: the noun ("" for "one", "thing"), attributes before and after it, modifiers and how many.

    poses: what may be how it stands or only where.
    union: other referents that are meant as well (or instead, when `either`).
    """

    noun: str = ""
    said: str = ""
    known: bool = True
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    poses: list[str] = field(default_factory=list)
    modifiers: list[Modifier] = field(default_factory=list)
    union: list[Draft] = field(default_factory=list)
    appositions: list[Draft] = field(default_factory=list)
    either: bool = False
    ordinal: int | None = None
    number: int | None = None
    count: str = ""
    plural: bool = False
    generic: bool = False
    determined: bool = False
    indefinite: bool = False
    possessed: bool = False
    items: list[Item] = field(default_factory=list)

    @property
    def named(self) -> bool:
        """Whether anything at all is said of what it looks like."""
        return bool(self.noun or self.before or self.after)

    @property
    def phrase(self) -> str:
        """The words as said, without determiners."""
        return " ".join(word for word in (*self.before, self.said or self.noun, *self.after) if word)

    @property
    def many(self) -> bool:
        return self.plural or (self.number or 1) > 1 or self.count in ("all", "both")

    def copy(self) -> Draft:
        """As a landmark: the same words, nothing shared."""
        return replace(
            self,
            before=list(self.before),
            after=list(self.after),
            poses=list(self.poses),
            modifiers=list(self.modifiers),
            union=[],
            appositions=[],
        )

    def absorb(self, other: Draft) -> None:
        """Take over what is said of the same referent a second time ("the cup, the red one on the left")."""
        self.before.extend(word for word in other.before if word not in self.before)
        self.after.extend(word for word in other.after if word not in self.after)
        self.poses.extend(word for word in other.poses if word not in self.poses)
        self.modifiers.extend(other.modifiers)
        self.ordinal = self.ordinal if other.ordinal is None else other.ordinal
        self.number = self.number if other.number is None else other.number
        self.count = other.count or self.count
        self.said = self.said if self.noun else self.said or other.said
        self.noun = self.noun or other.noun
        self.union.extend(other.union)


@dataclass
class Cursor:
    """The items of a sentence and how far they have been read, with what the readers share.

    origin: an end to count from, said before what is counted.
    """

    items: Sequence[Item]
    vocabulary: Vocabulary
    at: int = 0
    antecedent: Draft | None = None
    referred: bool = False
    origin: Item | None = None
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def peek(self, ahead: int = 0) -> Item | None:
        index = self.at + ahead
        return self.items[index] if 0 <= index < len(self.items) else None

    def kind(self, ahead: int = 0) -> str:
        item = self.peek(ahead)
        return item.kind if item else ""

    def take(self) -> Item:
        item = self.items[self.at]
        self.at += 1
        return item

    def skip(self, *kinds: str) -> bool:
        """Pass over items of these kinds; whether there were any."""
        start = self.at
        while self.kind() in kinds:
            self.at += 1
        return self.at > start

    def group(self, noun: str) -> frozenset[str]:
        return self.vocabulary.groups.get(noun, frozenset())
