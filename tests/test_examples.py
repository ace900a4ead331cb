"""The examples run, check themselves, and draw what they say."""

import pytest
from PIL import Image

from hpsolver.examples import plug_in, rising_bubbles


def test_rising_bubbles_passes_its_own_check_and_draws(tmp_path, capsys):
    assert rising_bubbles.main(["--shape", "32x24", "--frames", "8", "--out", str(tmp_path)]) == 0
    assert "check passed" in capsys.readouterr().out
    for name in ("rising_bubbles.gif", "frame.png", "convergence.png"):
        Image.open(tmp_path / name).verify()


@pytest.mark.parametrize("arguments", [["--shape", "wide"], ["--shape", "4x4"], ["--frames", "1"], ["--contrast", "0"]])
def test_rising_bubbles_refuses_bad_options(arguments, capsys):
    with pytest.raises(SystemExit):
        rising_bubbles.main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_plug_in_leaves_no_divergence(capsys):
    assert plug_in.main() == 0
    assert "hpsolver" in capsys.readouterr().out
