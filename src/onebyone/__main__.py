"""Runs the command line as `python -m onebyone`."""

import sys

from onebyone.cli import main

sys.exit(main())
