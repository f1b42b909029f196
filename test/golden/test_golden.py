"""The official preset reproduces the published code's recorded numbers."""

from __future__ import annotations

from pathlib import Path

import check
import pytest

from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.rules import load_rules

FILES = sorted(
    path
    for path in Path(__file__).parent.iterdir()
    if path.suffix in (".npz", ".json") and not (path.suffix == ".json" and path.with_suffix(".npz").exists())
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_recorded_numbers_are_reproduced(path, pipeline):
    config = check.golden_config()
    findings = check.check_file(path, config, ExpressionParser(pipeline, load_rules(config.text.rules)))
    assert findings
    assert [finding for finding in findings if not finding.passed] == []


def test_a_wrong_number_is_reported(capsys):
    assert not check.report(Path("scene.npz"), [check.Finding("logits", 2e-3, 1e-3), check.Finding("logits", 0, 1e-3)])
    assert "FAIL logits" in capsys.readouterr().out


def test_files_without_golden_entries_do_not_pass(tmp_path):
    note = tmp_path / "note.md"
    note.write_text("nothing here")
    assert check.main([str(note)]) == 1
