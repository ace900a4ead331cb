"""Writes the model card of every shipped neural preconditioner from its weight file and ``bench/results/learned.json``.

python -m bench.model_cards
"""

from __future__ import annotations

import json
from pathlib import Path

from hpsolver.network import weights

from .harness import command, report

FOLDER = Path(__file__).parents[1] / "trained_models"
WHAT = {
    "htp_paper": (
        'The hierarchical transformer preconditioner as published (arXiv 2605.13343), `preconditioner="htp_paper"`. '
        "Not positive definite by construction: where it fails, the frame goes on with `schwarz` and says so."
    ),
    "htp": (
        'The learned coarse space, `preconditioner="htp"`: start functions of every leaf for the two-level Schwarz '
        "preconditioner, symmetric positive definite whatever the network says."
    ),
}
LIMITS = {
    "htp_paper": "2D grids of about the trained size, walls, density as in the paper's panels (contrast 5 to 100).",
    "htp": "Any size and kind of side; beyond the training mix it is a worse basis, never an indefinite matrix.",
}


def card(path: Path, found: dict | None) -> str:
    """Markdown of one weight file."""
    about = weights.about(path)
    kind = "htp_paper" if path.stem.startswith("htp_paper") else "htp"
    task, run, best = about["task"], about["run"], about["best"]
    frames = task["frames"]
    contrast = "5 to 100 (panel's own)" if frames["contrast"] is None else "{:g} to {:g}".format(*frames["contrast"])
    network = ", ".join(f"{key} {value}" for key, value in task["network"].items())
    objective = task["objective"] + (", probes smoothed" if task.get("smooth") else "")
    families, sides = (", ".join(dict.fromkeys(frames[key])) for key in ("families", "boundaries"))
    rows = {
        "network": network,
        "file": f"{path.stat().st_size / 1e6:.1f} MB, half precision, safetensors",
        "data": f"{_drawn(frames, run)}: {families}; contrast {contrast}",
        "grids": ", ".join(map(report.shape_text, frames["shapes"])),
        "sides": sides,
        "solids": f"a block in {100 * frames['solid']:.0f} % of the frames",
        "objective": objective,
        "steps": f"{run['steps']} of {run['batch']} frames, AdamW at {run['rate']:g}, seed {run['seed']}",
        "start": run["start"] or "random",
        "time": f"{about['seconds']} s, {about['threads']} thread of a shared 2-core machine, Torch {about['torch']}",
        "kept": f"step {best['step']}: validation mean {best['iterations']:.1f}, worst {best['worst']}",
        "valid for": LIMITS[kind],
    }
    parts = [f"# {path.name}", WHAT[kind], report.table(["", ""], rows.items()), *_measured(path, kind, found)]
    if path.with_suffix(".png").exists():
        parts.append(f"![loss and iterations of the validation over steps]({path.stem}.png)")
    return "\n\n".join(parts) + "\n"


def _drawn(frames: dict, run: dict) -> str:
    """How many frames the network was trained on."""
    distinct = frames.get("distinct")
    return f"{distinct * run['batch']} frames" if distinct else "fresh frames each step"


def _measured(path: Path, kind: str, found: dict | None) -> list[str]:
    """What ``bench.learned`` measured with these weights."""
    if found is None:
        return []
    if kind == "htp_paper":
        rows = [r for r in found["published method"] if path.stem == f"htp_paper_{r['cells']}"]
        return [
            f"Measured on {row['htp_paper']['frames']} unseen panel frames, iterations to 1e-8: "
            f"{_text(row['htp_paper'])}; Jacobi {_text(row['jacobi'])}; published {row['published']:g}."
            for row in rows
        ]
    dimension = int(path.stem[-2])
    rows = [r for r in found["best variant"] if len(r["shape"]) == dimension]
    heads = ["family", "grid", "contrast", "iterations to 1e-8", "`schwarz`"]
    body = [
        [r["family"], report.shape_text(r["shape"]), "5-100" if r["contrast"] is None else f"{r['contrast']:g}"]
        + [_text(r[name]) for name in ("htp", "schwarz")]
        for r in rows
    ]
    return [
        "Measured on unseen frames, 8 functions a leaf, deflated, red-black; beside it `schwarz`, its classical form:",
        report.table(heads, body),
    ]


def _text(count: dict) -> str:
    return f"mean {count['mean']:.1f}, worst {count['worst']}" + f", {count['failed']} failed" * bool(count["failed"])


def main() -> int:
    results = command.RESULTS / "learned.json"
    found = json.loads(results.read_text()) if results.exists() else None
    for path in sorted(FOLDER.glob("htp*.safetensors")):
        path.with_suffix(".md").write_text(card(path, found))
        print(path.with_suffix(".md"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
