"""The command line: `python -m digitlib`, or `digitlib` where the package is installed."""

import sys

from digitlib.commands.shell import main

if __name__ == "__main__":
    sys.exit(main())
