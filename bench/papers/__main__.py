"""``python -m bench.papers [--quick] [--out FOLDER]``: all three, one after the other."""

import sys

from . import dd_attention

for script in (dd_attention,):
    script.main(sys.argv[1:])
