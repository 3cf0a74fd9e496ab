"""``python -m erosion.cli``: the same as ``erosion``."""

import sys

from erosion.cli.command_line import main

sys.exit(main())
