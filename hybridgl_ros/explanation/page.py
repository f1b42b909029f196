"""How an answer came about, as one HTML page without outside parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hybridgl_ros.drawing import data_uri
from hybridgl_ros.explanation.parts import Part, parts_of, role_of, shown_places, total_of, value_text
from hybridgl_ros.explanation.pictures import draw_map, label_places, object_map, outline_path, thumbnail, to_unit
from hybridgl_ros.pages import render
from hybridgl_ros.presentation import reading, score_name
from hybridgl_ros.types import Answer

CANDIDATES = 10
"""Best candidates that a page shows; referents and landmarks are always there."""
PICTURE_WIDTH = 1280
MAP_WIDTH = 420
BADGE, LEAST_BADGE = 0.035, 4.0
"""Radius of a candidate's number, as a share of the picture's longer side, and at least (px)."""


def write_page(path: Path, image: np.ndarray, expression: str, answer: Answer, about: str) -> None:
    """Write the page. image: H×W×3 uint8 RGB; about: one line on where the answer is from."""
    page = render("hybridgl_ros.explanation", "explanation.html.j2", contents(image, expression, answer, about))
    # Lone surrogates, as undecodable arguments have them, are no characters that a file can hold.
    path.write_text(page.encode("utf-8", "replace").decode("utf-8"), encoding="utf-8")


def contents(image: np.ndarray, expression: str, answer: Answer, about: str) -> dict[str, Any]:
    """What the template shows."""
    places = shown_places(answer, CANDIDATES)
    parts = parts_of(answer)
    height, width = image.shape[:2]
    badge = max(LEAST_BADGE, BADGE * max(width, height))
    labels = label_places([answer.candidates[place].mask for place in places], 2 * badge)
    return {
        "expression": expression,
        "about": about,
        "answer": answer,
        "reading": reading(answer),
        "score_name": score_name(answer),
        "picture": data_uri(image, PICTURE_WIDTH),
        "width": width,
        "height": height,
        "badge": badge,
        "candidates": [candidate(image, answer, place, label) for place, label in zip(places, labels, strict=True)],
        "hidden": len(answer.candidates) - len(places),
        "rows": [row(part, places) for part in parts],
        "total": row(total_of(answer), places),
        "maps": maps(image, answer, [*parts, total_of(answer)]),
    }


def candidate(image: np.ndarray, answer: Answer, place: int, label: tuple[float, float]) -> dict[str, Any]:
    """One candidate: its number, role, outline and a small picture."""
    entry = answer.candidates[place]
    return {
        "number": place + 1,
        "role": role_of(answer, entry),
        "path": outline_path(entry.mask),
        "label": label,
        "picture": data_uri(thumbnail(image, entry.box), PICTURE_WIDTH),
        "score": entry.score,
        "box": tuple(round(value) for value in entry.box),
    }


def row(part: Part, places: list[int]) -> dict[str, Any]:
    """One line of the table. strength: 0 … 1, how strongly a cell is coloured."""
    strengths = strengths_of(part)
    return {
        "text": part.text,
        "kind": part.kind,
        "landmarks": [place + 1 for place in part.landmarks],
        "cells": [{"text": value_text(part, place), "strength": float(strengths[place])} for place in places],
    }


def strengths_of(part: Part) -> np.ndarray:
    """Values as 0 … 1: probabilities as they are, scores from the lowest to the highest candidate."""
    values = np.asarray(part.values, np.float32)
    return to_unit(values) if part.kind == "score" else np.nan_to_num(values).clip(0, 1)


def maps(image: np.ndarray, answer: Answer, parts: list[Part]) -> list[dict[str, str]]:
    """A map for each part, and the localisation maps where there are any."""
    if not answer.candidates:
        return []
    dense = {"localisation map, G_co": answer.localisation, "guidance, G = G_co ⊙ G_pos": answer.guidance}
    drawn = {title: to_unit(values) for title, values in dense.items() if values is not None}
    masks = [entry.mask for entry in answer.candidates]
    drawn |= {part.text: object_map(masks, strengths_of(part).tolist()) for part in parts}
    return [
        {"title": title, "picture": data_uri(draw_map(image, values), MAP_WIDTH)} for title, values in drawn.items()
    ]
