"""Singular and plural of English nouns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def plural(noun: str) -> str:
    """The regular plural."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def singular(noun: str) -> str:
    """The singular of a regular plural."""
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("sses", "xes", "zes", "ches", "shes")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def forms(
    nouns: Iterable[str], plural_only: frozenset[str], irregular: Mapping[str, str]
) -> dict[str, tuple[str, bool]]:
    """Every form of every noun → its singular, and whether the form is a plural."""
    found: dict[str, tuple[str, bool]] = {}
    for noun in nouns:
        found[noun] = (noun, False)
        if noun not in plural_only and not (noun.endswith("s") and not noun.endswith("ss")):
            found.setdefault(plural(noun), (noun, True))
    found.update({form: (noun, form != noun) for form, noun in irregular.items()})
    found.update({noun: (noun, False) for noun in plural_only})
    return found
