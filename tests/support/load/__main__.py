"""`python -m tests.support.load`: see `cli`."""

import sys

from tests.support.load.cli import main

sys.exit(main())
