"""What an expression says of its object, after ReCLIP (Subramanian et al., ACL 2022): relations and superlatives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from spacy.tokens import Doc, Span, Token

Chunks = Mapping[int, Span]
"""The noun phrase around a token, by the token's number."""


@dataclass(frozen=True)
class Entity:
    """An object: its phrase, each other object with the words that lead to it, and each chain of words that chooses."""

    phrase: Span
    relations: list[tuple[list[Token], Entity]]
    superlatives: list[list[Token]]


Relations: TypeAlias = list[tuple[list[Token], Entity]]
Findings: TypeAlias = tuple[Relations, list[list[Token]]]


@dataclass(frozen=True)
class EntityReader:
    """relations: words that start no object of their own. nothing: nouns that do not. superlatives: what chooses."""

    relations: Collection[str]
    nothing: Collection[str]
    superlatives: Collection[str]

    def read(self, doc: Doc, chunks: Chunks) -> Entity | None:
        """The object that the sentence is about; that of the first phrase where its root leads to none."""
        root = next((token for token in doc if token.head.i == token.i), None)
        found = None if root is None else self.entity(root, chunks)
        first = next(iter(doc.noun_chunks), None)
        return self.entity(first.root.head, chunks) if found is None and first is not None else found

    def entity(self, head: Token, chunks: Chunks) -> Entity | None:
        """The object that a token, or else its first child, belongs to."""
        if head.i not in chunks:
            child = next(iter(head.children), None)
            if child is None or child.i not in chunks:
                return None
            head = child
        relations, superlatives = self._beneath(head, head, [], chunks)
        return Entity(chunks[head.i], relations, superlatives)

    def _beneath(self, token: Token, head: Token, before: list[Token], chunks: Chunks) -> Findings:
        """What hangs on a token, below the head of an object. before: the words that lead there from it.

        Every other token in a phrase is an object, even one of the head's own phrase, as in TAS's code: it widens the
        phrases token by token, and so tells those of one phrase apart.
        """
        keyword = token.text in self.relations or token.text in self.nothing
        if token.i in chunks and token.i != head.i and not keyword:
            other = self.entity(token, chunks)
            return ([] if other is None else [(in_order(before), other)]), []
        if not list(token.children):
            words = [*before, token]
            return [], [in_order(words)] if any(word.text in self.superlatives for word in words) else []
        outside = token.i not in chunks
        words = [*before, token] if outside or keyword or token.text in self.superlatives else before
        relations: Relations = []
        superlatives: list[list[Token]] = []
        for child in token.children:
            further = self._beneath(child, head, words, chunks)
            relations += further[0]
            superlatives += further[1]
        return relations, superlatives


def in_order(words: list[Token]) -> list[Token]:
    return sorted(words, key=lambda word: word.i)


def wide_chunks(doc: Doc) -> dict[int, Span]:
    """The noun phrases, each with what depends on it and belongs to no other one."""
    narrow = {i: chunk for chunk in doc.noun_chunks for i in range(chunk.start, chunk.end)}
    return {
        i: Span(doc, *bounds(doc, chunk, [other for j, other in narrow.items() if j != i]))
        for i, chunk in narrow.items()
    }


def bounds(doc: Doc, chunk: Span, others: list[Span]) -> tuple[int, int]:
    """First token and one past the last token of a widened phrase."""
    start, end = chunk.start, chunk.end

    def belongs(i: int) -> bool:
        return any(word.is_ancestor(doc[i]) for word in chunk)

    def leads_elsewhere(i: int) -> bool:
        return any(doc[i].is_ancestor(word) for other in others for word in other)

    for i in range(chunk.start):
        if belongs(i) and not leads_elsewhere(i):
            start = i
            break
    for i in range(chunk.end, len(doc)):
        if not belongs(i):
            continue
        if leads_elsewhere(i) or any(other.start <= i < other.end for other in others):
            break
        end = i + 1
    return start, end
