"""From characters to words: typography, quotes, cases, contractions and hyphens, before anything is understood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping

PAIRS = {
    **{mark: mark for mark in "\"'`´*_＂＇″′"},
    **dict(zip("“‘„‚«‹»›”’「『｢〝〈《([{<", "”’“‘»›«‹”’」』｣〞〉》)]}>")),
}
ALSO_CLOSE = {"„": "”„", "‚": "’‚", "“": "“", "‘": "‘", "»": "»", "›": "›", "`": "'´’", "〝": "〟"}
END = ".,;:!?…。！？"

QUOTES = "\"'`´‘’‚‛“”„‟«»‹›「」『』〝〞＂＇"
"""Quotation marks, which say nothing inside an expression."""

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘‛`´＇ʼ", "'"))
_TOKEN = re.compile(r"[.?!;:…]+(?=\s|$)|[,;()\[\]{}/|•·–—]|'s\b|[^\W_]+(?:['.-](?!s\b)[^\W_]+)*|[#&+]|(?<=\s)-(?=\s)")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_SEPARATORS = {",": ",", "(": ",", ")": ",", "[": ",", "]": ",", "{": ",", "}": ",", "|": ",", "·": ",", "•": ","}
_SEPARATORS.update({"–": ",", "—": ",", "-": ",", ":": ",", "/": "or"})


def strip_wrapping(text: str) -> str:
    """The text without quotation marks, brackets or emphasis around all of it, and without what ends a sentence
    after them; marks inside stay."""
    text = text.strip()
    while (inner := unwrapped(text)) is not None:
        text = inner
    return text


def unwrapped(text: str) -> str | None:
    """What one pair of marks holds, None when no pair holds all of the text."""
    bare = text.rstrip(END)
    if len(bare) < 2 or bare[0] not in PAIRS:
        return None
    opening, closing, inner = bare[0], bare[-1], bare[1:-1]
    if closing not in PAIRS[opening] + ALSO_CLOSE.get(opening, "") or closing in inner:
        return None
    return inner.strip() or None


def split_words(text: str, contractions: Mapping[str, str], rewrites: Mapping[str, str]) -> list[str]:
    """Lower-case words and separators: "," between parts, "." between sentences, "'s" for a possessive.

    contractions and rewrites: what stands for a word ("isn't" → "is not", "infront" → "in front").
    """
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).casefold()
    text = text.replace("''", " ")
    text = re.sub(rf"[{re.escape(QUOTES.replace(chr(39), ''))}]|(?<!\w)'|'(?!\w)", " ", text)
    for short, full in (*contractions.items(), *rewrites.items()):
        if not short.replace("-", "").isalpha() and short in text:
            text = re.sub(rf"(?<!\w){re.escape(short)}(?![^\W\d])", f" {full} ", text)
    words: list[str] = []
    for found in _TOKEN.findall(text):
        if found[0] in ".?!;…" or (found[0] == ":" and len(found) > 1):
            words.append(".")
        elif found in _SEPARATORS:
            words.append(_SEPARATORS[found])
        else:
            words.extend(expand(found, contractions, rewrites))
    return words


def expand(word: str, contractions: Mapping[str, str], rewrites: Mapping[str, str]) -> list[str]:
    """The words that one written word stands for."""
    for table in (contractions, rewrites):
        if word in table:
            return table[word].split()
    return [word]


def unstretched(word: str, known: Collection[str]) -> str:
    """A drawn-out word as it is written ("reeeed", "ummmm"): no letter more than twice, once where that is known."""
    if not _STRETCHED.search(word):
        return word
    twice, once = (_STRETCHED.sub(repl, word) for repl in (r"\1\1", r"\1"))
    return once if once in known or twice not in known else twice
