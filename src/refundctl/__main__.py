"""`python -m refundctl` is the same as `refundctl`."""

import sys

from refundctl.cli.shell.main import main

if __name__ == "__main__":
    sys.exit(main())
