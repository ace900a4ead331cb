"""``python -m bench``: every benchmark there is."""

from . import fps

raise SystemExit(fps.main())
