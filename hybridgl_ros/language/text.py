"""What typography puts around an expression."""

from __future__ import annotations

PAIRS = {
    **{mark: mark for mark in "\"'`´*_＂＇″′"},
    **dict(zip("“‘„‚«‹»›”’「『｢〝〈《([{<", "”’“‘»›«‹”’」』｣〞〉》)]}>")),
}
ALSO_CLOSE = {"„": "”„", "‚": "’‚", "“": "“", "‘": "‘", "»": "»", "›": "›", "`": "'´’", "〝": "〟"}
END = ".,;:!?…。！？"


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
