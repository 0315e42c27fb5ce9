"""``python -m embodied.bench``."""

import sys

from embodied.bench import main

if __name__ == "__main__":
    sys.exit(main())
