"""The measurement of ranks per leaf."""

import json

from bench import ranks


def test_quick_run_measures_every_form(tmp_path):
    assert ranks.main(["--quick", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "ranks.json").read_text())["rows"]
    assert [tuple(row["shape"]) for row in rows] == [(32, 16), (16, 8, 8)]
    assert all(min(row[name]) > 0 for row in rows for name in ranks.FORMS)
    assert "| 2D | 4 of 8 |" in (tmp_path / "ranks.md").read_text()


def test_ratios_are_of_adaptive_over_uniform_ranks():
    uniform = {name: [10.0, 2.0, 100.0, 3.0] for name in ranks.FORMS}
    better = uniform | {"4 of 8, adaptive": [5.0, 4.0, 100.0, 3.0]}
    worse = uniform | {"4 of 8, adaptive": [20.0, 4.0, 100.0, 3.0]}
    rows = [{"shape": shape, **found} for shape in ((8, 8), (8, 8, 8)) for found in (better, worse)]
    found = {tuple(line[:2]): line[2:] for line in ranks.ratios(rows)}
    assert found["2D", "4 of 8"][:2] == ["1.00 (0.50-2.00)", "2.00 (2.00-2.00)"]
    assert found["3D", "4 of 16"] == ["1.00 (1.00-1.00)"] * 4
