"""Writes README.md's benchmark table from ``results/fps.json``; ``--check`` only says whether it is up to date."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def table(report: dict) -> str:
    """Milliseconds per frame (and iterations): one row a solver, one column a case."""
    cases, about = report["cases"], report["machine"]
    heads = [f"{c['family']} {'x'.join(map(str, c['shape']))}, {contrast(c)}" for c in cases]
    lines = ["| ms per frame (iterations) | " + " | ".join(heads) + " |", "|---" * (len(cases) + 1) + "|"]
    for name in [row["name"] for row in cases[0]["rows"]]:
        rows = [next(r for r in case["rows"] if r["name"] == name) for case in cases]
        cells = ["failed" if r["failed"] else f"{r['p50']:.1f} ({r['iterations']:.0f})" for r in rows]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    rules = (
        f"`{report['command']}`, {about['date']}, {about['cpu']}, one thread, median of 12 frames, operator and "
        f"preconditioner renewed every frame, true relative residual <= {report['tolerance']:g} for all, checked."
    )
    return "\n".join([*lines, "", rules])


def contrast(case: dict) -> str:
    return "5-100:1" if case["contrast"] is None else f"{case['contrast']:g}:1"


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
    report = json.loads((ROOT / "bench" / "results" / "fps.json").read_text())
    before = path.read_text()
    after = updated(before, table(report))
    if options.check:
        print(
            "README.md is up to date" if before == after else "README.md differs from bench/results: run this command"
        )
        return int(before != after)
    path.write_text(after)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
