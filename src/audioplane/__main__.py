"""`python -m audioplane`."""

import sys

from audioplane.cli import main

sys.exit(main())
