"""Writes README.md's benchmark table from ``results/fps.json``; ``--check`` only says whether it is up to date."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from . import report

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
COLUMNS = (
    ("panel", [64, 64]),
    ("panel", [128, 64]),
    ("panel", [128, 128]),
    ("bubbles", [128, 128]),
    ("film", [128, 128]),
    ("noise", [128, 128]),
    ("bubbles", [32, 16, 16]),
)
"""The cases of ``fps`` that README shows; all of those there are where it has none of them."""


def table(found: Mapping) -> str:
    """Milliseconds per frame (and iterations), one row a solver, one column a case, the fastest in bold."""
    cases = [case for case in found["cases"] if (case["flow"], case["shape"]) in COLUMNS] or found["cases"]
    heads = [f"{case['flow']} {report.shape_text(case['shape'])}, {case['contrast']}:1" for case in cases]
    lines = []
    for name in [row["name"] for row in cases[0]["rows"]]:
        lines.append([name, *(_cell(name, case["rows"]) for case in cases)])
    about, settings = found["machine"], found["settings"]
    rules = (
        f"`{found['command']}`, {about['date'][:10]}, {about['cpu']}, one thread, median of "
        f"{settings['frames'] * settings['rounds']} frames, operator and preconditioner renewed every frame, true "
        f"relative residual <= {settings['tolerance']:g} for all, checked after timing; dropped: more than "
        f"{settings['limit']:g} s a frame."
    )
    return "\n".join([report.table(["ms per frame (iterations)", *heads], lines), "", rules])


def _cell(name: str, rows: list[Mapping]) -> str:
    row = next(row for row in rows if row["name"] == name)
    if row["failed"]:
        return report.verdict(row["failed"]).split(":")[0].lower()
    fastest = min(other["p50"] for other in rows if not other["failed"])
    text = f"{report.number(row['p50'])} ({row['iterations']:.0f})"
    return f"**{text}**" if row["p50"] == fastest else text


def updated(readme: str, text: str) -> str:
    """README with ``text`` between the markers.

    Raises:
        ValueError: a marker is missing.
    """
    if BEGIN not in readme or END not in readme:
        raise ValueError(f"README.md needs the markers {BEGIN} and {END}")
    head, rest = readme.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.readme_table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when README.md is out of date")
    options = parser.parse_args(argv)
    path = ROOT / "README.md"
    found = json.loads((ROOT / "bench" / "results" / "fps.json").read_text())
    before = path.read_text()
    after = updated(before, table(found))
    if options.check:
        print(
            "README.md is up to date" if before == after else "README.md differs from bench/results: run this command"
        )
        return int(before != after)
    path.write_text(after)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
