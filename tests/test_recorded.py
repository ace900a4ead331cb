"""Training on a user's own recorded densities: which files, which windows, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from hpsolver.cli import OK, main
from hpsolver.network.frames import FrameConfig, FrameSource
from hpsolver.network.recorded import Recording

pytestmark = pytest.mark.cpu


def record(folder, count: int, shape=(20, 30)) -> None:
    """Files whose densities tell the file (whole part) and the cell (the rest)."""
    cells = np.arange(1, np.prod(shape) + 1).reshape(shape) / 1e4
    for k in range(count):
        np.save(folder / f"frame_{k:03}.npy", (k + 1 + cells).astype(np.float32))


@pytest.mark.parametrize(("count", "held_out"), [(2, {1}), (9, {8}), (25, {9, 19})])
def test_validation_sees_files_that_training_does_not(tmp_path, count, held_out):
    record(tmp_path, count)
    rng = np.random.default_rng(0)

    def seen(recording: Recording) -> set[int]:
        return {int(recording.window((4, 4), rng)[0, 0]) - 1 for _ in range(400)}

    assert seen(Recording(tmp_path)) == set(range(count)) - held_out
    assert seen(Recording(tmp_path, held_out=True)) == held_out


def test_windows_are_cut_anywhere_and_mirrored(tmp_path):
    record(tmp_path, 2)
    recording, rng = Recording(tmp_path), np.random.default_rng(1)
    whole = np.load(tmp_path / "frame_000.npy")
    corners, steps = set(), set()
    for _ in range(300):
        window = recording.window((18, 29), rng)
        first = np.argwhere(whole == window.min())[0]
        cut = whole[first[0] : first[0] + 18, first[1] : first[1] + 29]
        step = tuple(1 if a <= b else -1 for a, b in ((window[0, 0], window[-1, 0]), (window[0, 0], window[0, -1])))
        assert np.array_equal(cut[:: step[0], :: step[1]], window)
        corners.add(tuple(map(int, first)))
        steps.add(step)
    assert corners == {(x, y) for x in range(3) for y in range(2)} and len(steps) == 4


def test_frames_are_assembled_from_the_windows(tmp_path):
    """Couplings are 1 / density: here they differ by 6 % at most, as the recorded densities do."""
    record(tmp_path, 2)
    source = FrameSource(FrameConfig(shapes=((16, 16),), recorded=str(tmp_path)))
    operator = source.batch(3, 2)
    coupled = operator.conductance[operator.conductance > 0]
    assert operator.frames == 2 and 1.02 < float(coupled.max() / coupled.min()) < 1.06
    assert source.batch(3, 2).conductance.equal(operator.conductance)  # a pure function of the seed


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "frame_001.npy").unlink(), "two densities or more, as .npy files; found 1"),
        (lambda folder: np.save(folder / "frame_000.npy", np.ones((8, 30))), r"frame_000.npy has shape \(8, 30\)"),
        (lambda folder: np.save(folder / "frame_000.npy", np.ones((20, 30, 2))), "expected 2 axes of at least"),
        (lambda folder: np.save(folder / "frame_000.npy", np.zeros((20, 30))), "must be positive and finite, got 0"),
        (lambda folder: np.save(folder / "frame_000.npy", np.full((20, 30), np.nan)), "finite, got nan"),
    ],
)
def test_what_is_no_density_is_refused_by_name(tmp_path, spoil, message):
    record(tmp_path, 2)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message):
        Recording(tmp_path).window((16, 16), np.random.default_rng(0))


def test_command_line_trains_on_recorded_densities(tmp_path, capsys):
    record(tmp_path, 3, (40, 40))
    changes = ["run.steps=1", "run.validate_every=1", "run.validation_frames=1", "run.half=false", "run.warmup=1"]
    changes += ["task.network.width=16", "task.network.heads=2", "task.frames.shapes=[[16,16]]"]
    changes += [f"task.frames.recorded={tmp_path}"]
    words = [word for change in changes for word in ("--set", change)]
    assert main(["train", "htp_2d", "--out", str(tmp_path / "run"), *words]) == OK
    assert "iterations" in capsys.readouterr().out
