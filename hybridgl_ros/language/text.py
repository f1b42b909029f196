"""From characters to words: quotes, cases, contractions and hyphens, before anything is understood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

QUOTES = "\"'`´‘’‚‛“”„‟«»‹›「」『』〝〞＂＇"
"""Every typographic kind of quotation mark that people wrap an expression in."""

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘‛`´＇ʼ", "'"))
_TOKEN = re.compile(r"[.?!;:…]+(?=\s|$)|[,;()\[\]{}/|•·–—]|'s\b|[^\W_]+(?:['.-](?!s\b)[^\W_]+)*|[#&+]|(?<=\s)-(?=\s)")
_SEPARATORS = {",": ",", "(": ",", ")": ",", "[": ",", "]": ",", "{": ",", "}": ",", "|": ",", "·": ",", "•": ","}
_SEPARATORS.update({"–": ",", "—": ",", "-": ",", ":": ",", "/": "or"})


def strip_wrapping(text: str) -> str:
    """The text without blanks around it and without quotation marks that wrap all of it, of any typographic kind."""
    text = text.strip()
    while len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES and text[1:-1].strip():
        text = text[1:-1].strip()
    return text


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
