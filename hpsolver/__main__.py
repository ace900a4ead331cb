"""``python -m hpsolver``: the command line of :mod:`hpsolver.cli`."""

import sys

from hpsolver.cli import main

sys.exit(main())
