"""``python -m bench.papers [--quick] [--out FOLDER]``: all three, one after the other."""

import sys

from . import dd_attention, hkt, lrsa

for script in (dd_attention, lrsa, hkt):
    script.main(sys.argv[1:])
