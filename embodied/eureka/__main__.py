"""``python -m embodied.eureka``."""

import sys

from embodied.eureka import main

if __name__ == "__main__":
    sys.exit(main())
