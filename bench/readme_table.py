"""Writes the tables of ``README.md`` and ``trained_models/README.md`` from ``results/fps.json`` and ``learned.json``.

``--check`` only says whether they differ.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from .harness import report

ROOT = Path(__file__).parent.parent
COLUMNS = (
    ("panel", [128, 128]),
    ("bubbles", [128, 128]),
    ("film", [128, 128]),
    ("noise", [128, 128]),
    ("bubbles", [32, 16, 16]),
)
"""The cases of ``fps`` that README shows; where the results have none of them, it shows all cases."""
ROWS = ("jacobi", "schwarz", "multigrid", "htp", "PyAMG Ruge-Stuben + CG")
"""The solvers that a user compares first; where the results have none of them, README shows all solvers."""


def table(found: Mapping) -> str:
    """Milliseconds per frame (and iterations), one row a solver, one column a case, the fastest in bold."""
    cases = [case for case in found["cases"] if (case["flow"], case["shape"]) in COLUMNS] or found["cases"]
    heads = [f"{case['flow']} {report.shape_text(case['shape'])}, {case['contrast']}:1" for case in cases]
    lines = []
    names = [row["name"] for row in cases[0]["rows"]]
    for name in [name for name in names if name in ROWS] or names:
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


def _count(count: Mapping) -> str:
    """Mean iterations, and how many frames the fallback finished."""
    helped = f" ({count['failed']} of {count['frames']} by fallback)" if count["failed"] else ""
    return f"{count['mean']:.0f}{helped}"


def learned_table(found: Mapping) -> str:
    """Two tables of iterations: the published method beside the published counts, learned beside classical functions.

    Entries of the second table are means over the sizes measured, with the deflated red-black sweep.
    """
    published = [
        [row["cells"], row["published"], *(_count(row[name]) for name in ("htp_paper", "jacobi", "schwarz"))]
        for row in found["published method"]
    ]
    coarse = [row for row in found["coarse space"] if row["variant"] == "deflated red-black"]
    families = []
    for family in dict.fromkeys(row["family"] for row in coarse):
        cells: list[str] = []
        for functions in (4, 8):
            rows = [row for row in coarse if row["family"] == family and row["functions"] == functions]
            kinds = ("classical", "chosen", "learned")
            means = (sum(row[kind]["mean"] for row in rows) / len(rows) for kind in kinds)
            cells.append(" → ".join(f"{mean:.1f}" for mean in means))
        families.append([family, *cells])
    return "\n\n".join(
        [
            f"Iterations to {found['settings']['tolerance']:g}, unseen frames, `{found['command']}`; more in "
            "`bench/results/learned.md`.",
            report.table(["panel, cells", "published", "`htp_paper`", "`jacobi`", "`schwarz`"], published),
            report.table(
                [
                    "first classical → best of 16 classical → best of 16 learned",
                    "4 functions a leaf",
                    "8 functions a leaf",
                ],
                families,
            ),
        ]
    )


SECTIONS = {"README.md": ("bench", "fps", table), "trained_models/README.md": ("learned", "learned", learned_table)}
"""By page: the name of its markers, the result file, and the function that makes the table between the markers."""


def updated(page: str, section: str, text: str) -> str:
    """A page with ``text`` between the markers of ``section``.

    Raises:
        ValueError: a marker is missing.
    """
    begin, end = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    if begin not in page or end not in page:
        raise ValueError(f"the page needs the markers {begin} and {end}")
    head, rest = page.split(begin, 1)
    return f"{head}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.readme_table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a page is out of date")
    options = parser.parse_args(argv)
    stale = []
    for name, (section, stem, make) in SECTIONS.items():
        found = json.loads((ROOT / "bench" / "results" / f"{stem}.json").read_text())
        before = (ROOT / name).read_text()
        after = updated(before, section, make(found))
        if after != before:
            stale.append(name)
            if not options.check:
                (ROOT / name).write_text(after)
    if options.check and stale:
        print(f"{' and '.join(stale)} differ from bench/results: run this command without --check")
    return int(bool(options.check and stale))


if __name__ == "__main__":
    raise SystemExit(main())
