"""From a draft to queries: attachments, the order of clauses, size words; one query for every plausible reading."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from hybridgl_ros.language.draft import Draft, Modifier
from hybridgl_ros.language.query import (
    Clause,
    Count,
    Either,
    Except,
    Negation,
    Phrase,
    Position,
    Query,
    Rank,
    Relation,
)
from hybridgl_ros.language.vocabulary import Vocabulary


@dataclass(frozen=True)
class Policy:
    """One way to read what can be read in two. high: what is loosely said of a landmark is said of the referent.

    sizes: "small" ranks. early: exclusions after a comma apply before the ranks. posed: where a thing stands or lies is
    how it does.
    """

    high: bool = False
    sizes: bool = False
    early: bool = False
    posed: bool = False


def readings(draft: Draft, vocabulary: Vocabulary) -> list[tuple[Query, float]]:
    """The plausible queries with their weights, the most plausible first."""
    choices = vocabulary.choices
    high = _attachment(draft, vocabulary)
    sizes = choices.size_as_rank if _sized(draft, vocabulary) else 0.0
    early = 1 - choices.rank_before_exclusion if _excludes_late(draft) else 0.0
    weighted: dict[Query, float] = {}
    posed = choices.posture_as_pose if _posed(draft) else 0.0
    for is_posed, is_high, is_size, is_early in product((True, False), *[(False, True)] * 3):
        weight = 1.0
        for share, chosen in ((posed, is_posed), (high, is_high), (sizes, is_size), (early, is_early)):
            weight *= share if chosen else 1 - share
        if weight > 0:
            query = _Assembler(vocabulary, Policy(is_high, is_size, is_early, is_posed)).query(draft, top=True)
            weighted[query] = weighted.get(query, 0.0) + weight
    best = sorted(weighted.items(), key=lambda entry: -entry[1])[: choices.readings]
    total = sum(weight for _, weight in best)
    return [(query, weight / total) for query, weight in best]


def _attachment(draft: Draft, vocabulary: Vocabulary) -> float:
    """The share of the reading in which loose modifiers belong to the referent."""
    loose = [entry for entry in _landmark_modifiers(draft) if entry.loose]
    if not loose:
        return 0.0
    choices = vocabulary.choices
    return choices.attach_to_target if loose[0].kind == "relation" else choices.position_to_target


def _landmark_modifiers(draft: Draft) -> list[Modifier]:
    relations = [entry for entry in draft.modifiers if entry.kind == "relation" and entry.others]
    return relations[-1].others[-1].modifiers if relations else []


def _sized(draft: Draft, vocabulary: Vocabulary) -> bool:
    """Whether a size word of the referent or a landmark can rank."""
    return bool(_size_ranks(draft, vocabulary)) or any(
        _sized(other, vocabulary) for entry in draft.modifiers for other in entry.others if entry.kind != "attribute"
    )


def _posed(draft: Draft) -> bool:
    """Whether it is said of the referent or a landmark where it stands or lies."""
    return bool(draft.poses) or any(_posed(other) for entry in draft.modifiers for other in entry.others)


def _size_ranks(draft: Draft, vocabulary: Vocabulary) -> dict[str, Rank]:
    if draft.many or draft.union or "people" in vocabulary.groups.get(draft.noun, ()):
        return {}
    found = {word: Rank(*vocabulary.size_ranks[word]) for word in draft.before if word in vocabulary.size_ranks}
    found.update({word: Rank("size", "large", 2) for word in draft.before if word in vocabulary.middle_size})
    return found


def _excludes_late(draft: Draft) -> bool:
    ranks = any(entry.kind == "rank" for entry in draft.modifiers)
    return ranks and any(entry.late and (entry.kind == "except" or entry.negated) for entry in draft.modifiers)


class _Assembler:
    def __init__(self, vocabulary: Vocabulary, policy: Policy) -> None:
        self._vocabulary = vocabulary
        self._policy = policy

    def query(self, draft: Draft, top: bool = False) -> Query:
        if draft.union:
            return self._union(draft)
        ranks = _size_ranks(draft, self._vocabulary) if self._policy.sizes else {}
        held = self._held(draft)
        phrase = make_phrase(draft, leave_out=frozenset((*ranks, *held)), poses=self._policy.posed)
        clauses = [*self._clauses(draft, top), *ranks.values()]
        clauses[:0] = held.values()
        if (draft.number or 1) > 1 and draft.count != "any" and clauses and isinstance(clauses[-1], Rank):
            last = clauses[-1]
            if last.n == 1 and not ranks:
                every = tuple(
                    Query(phrase, (*clauses[:-1], Rank(last.axis, last.end, n, last.landmark)))
                    for n in range(1, (draft.number or 1) + 1)
                )
                return Query(phrase, (Either(every),), count_of(draft))
        return Query(phrase, tuple(dict.fromkeys(clauses)), count_of(draft))

    def _held(self, draft: Draft) -> dict[str, Clause]:
        """ "the empty cup" holds nothing, "the full one" something."""
        if draft.noun and draft.noun not in self._vocabulary.open_vessels:
            return {}
        return {word: clause for word in (*draft.before, *draft.after) if (clause := self._holding(word))}

    def _holding(self, word: str) -> Clause | None:
        something = Relation("containing", (Query(Phrase("")),))
        if word in self._vocabulary.full:
            return something
        return Negation(something) if word in self._vocabulary.empty else None

    def _union(self, draft: Draft) -> Query:
        members = [draft, *draft.union]
        singles = [Draft(**{**vars(member), "union": []}) for member in members]
        if draft.plural:
            for single in singles:
                single.plural = draft.number in (None, 1) and draft.count not in ("both",)
                single.number = None
        nouns = {member.noun for member in members}
        phrase = make_phrase(Draft(draft.noun)) if len(nouns) == 1 else Phrase("")
        count = Count("one" if draft.either and not draft.many else "all")
        return Query(phrase, (Either(tuple(self.query(single) for single in singles)),), count)

    def _clauses(self, draft: Draft, top: bool) -> list[Clause]:
        modifiers = list(draft.modifiers)
        hoisted: list[Modifier] = []
        if top and self._policy.high:
            hoisted = [entry for entry in _landmark_modifiers(draft) if entry.loose]
            modifiers += hoisted
        filters: list[Clause] = []
        late: list[Clause] = []
        ranks: list[tuple[bool, Clause]] = []
        for entry in modifiers:
            clause = self._clause(entry, hoisted)
            if isinstance(clause, Rank):
                ranks.append((entry.first, clause))
            elif entry.late and (entry.kind == "except" or entry.negated) and not self._policy.early:
                late.append(clause)
            else:
                filters.append(clause)
        ordered = [clause for _, clause in sorted(ranks, key=lambda pair: pair[0])]
        return [*filters, *ordered, *late]

    def _clause(self, entry: Modifier, hoisted: list[Modifier]) -> Clause:
        clause: Clause
        if entry.kind == "attribute":
            words = str(entry.value)
            held = self._holding(words)
            if held is not None:
                return held.of if isinstance(held, Negation) and not isinstance(held.of, Phrase) else Negation(held)
            noun = entry.others[0].noun if entry.others else ""
            attributes = (*entry.others[0].before, *entry.others[0].after) if entry.others else (words,)
            return Negation(Phrase(words, noun, attributes))
        if entry.kind == "except":
            return Except(self.query(entry.others[0]))
        landmarks = tuple(self.query(self._without(other, hoisted)) for other in entry.others)
        if entry.kind == "relation":
            clause = Relation(str(entry.value), landmarks)
        elif entry.kind == "rank":
            axis, end = entry.value
            clause = Rank(axis, end, entry.n, landmarks[0] if landmarks else None)
        else:
            clause = Position(tuple(entry.value))
        return Negation(clause) if entry.negated else clause

    @staticmethod
    def _without(landmark: Draft, hoisted: list[Modifier]) -> Draft:
        if not hoisted:
            return landmark
        kept = landmark.copy()
        kept.union = landmark.union
        kept.modifiers = [entry for entry in landmark.modifiers if not any(entry is other for other in hoisted)]
        return kept


def make_phrase(draft: Draft, leave_out: frozenset[str] = frozenset(), poses: bool = False) -> Phrase:
    """What CLIP is asked; "object" stands in for a noun that is not named. poses: where it stands says how, too."""
    before = [word for word in draft.before if word not in leave_out]
    after = [word for word in (*draft.after, *(draft.poses if poses else ())) if word not in leave_out]
    attributes = tuple(dict.fromkeys((*before, *after)))
    if not attributes and not draft.noun:
        return Phrase("")
    text = " ".join(dict.fromkeys((*before, draft.noun or "object", *after)))
    return Phrase(text, draft.noun, attributes)


def count_of(draft: Draft) -> Count:
    """How many are meant."""
    number = draft.number or 1
    if draft.count == "any" and draft.plural and draft.number in (None, 1):
        return Count("all")
    if draft.count == "any":
        ranked = any(entry.kind == "rank" for entry in draft.modifiers)
        return Count() if ranked and draft.number != 1 else Count("any", number)
    if draft.count == "both":
        return Count("exact", 2)
    if number > 1:
        return Count("exact", number)
    if draft.count == "other":
        return Count("one" if any(entry.kind == "except" for entry in draft.modifiers) else "other")
    if draft.count == "all" or (draft.plural and number == 1 and draft.number is None):
        return Count("all")
    return Count()
