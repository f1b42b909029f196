"""The rows that leave operators out, and what leaving out does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.config import load_config, replace, values_of
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.plan import ablation_runs
from hybridgl_ros.grounding.execution import OPERATORS as CLAUSES
from hybridgl_ros.grounding.membership import advantage
from hybridgl_ros.language.query import Count, Phrase, Query, Reading
from hybridgl_ros.scorers.query import reduced
from hybridgl_ros.settings import OPERATORS


def test_a_row_of_a_preset_is_that_preset():
    runs = {run.name: run for run in ablation_runs(load_config("embedded"), "language", {})}
    assert runs["paper"].config == load_config("embedded", preset="paper")
    assert runs["robot"].config == load_config("embedded")


def test_every_operator_has_a_row():
    runs = ablation_runs(load_config("embedded"), "language", {})
    assert {name for run in runs for name in run.config.grounding.without} == set(OPERATORS)
    assert set(CLAUSES.values()) < set(OPERATORS)


def test_a_row_changes_something_of_calibrated_weights():
    config = replace(
        load_config("embedded"),
        {"decision.calibrated": True, "membership.noun_temperature": 0.5, "membership.attribute_temperature": 0.5},
    )
    runs = ablation_runs(config, "language", {})
    robot = next(values_of(run.config) for run in runs if run.name == "robot")
    assert [run.name for run in runs if values_of(run.config) == robot] == ["robot"]


def test_unknown_operators_are_named():
    with pytest.raises(ConfigError, match="'rank' is not one of relations, ranks"):
        load_config("embedded", overrides={"grounding.without": ["ranks", "rank"]})


def test_readings_and_counts_are_left_out():
    both = Query(Phrase("mug", "mug"), (), Count("exact", 2)), Query(Phrase("cup", "cup"))
    reading = Reading("two mugs", both, (0.6, 0.4))
    assert reduced(reading, ["ranks"]) == reading
    assert reduced(reading, ["readings"]).queries == both[:1]
    assert reduced(reading, ["readings"]).weights == (1.0,)
    assert [query.count for query in reduced(reading, ["counts"]).queries] == [Count(), Count()]


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=6))
def test_against_other_objects_chances_are_a_softmax(logits):
    own = torch.tensor(logits, dtype=torch.float64)[:, None]
    chances = torch.sigmoid(advantage(own))
    assert torch.allclose(chances, torch.softmax(own[:, 0], dim=0))
