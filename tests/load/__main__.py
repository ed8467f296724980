"""`python -m tests.load`: see `cli`."""

import sys

from .cli import main

sys.exit(main())
