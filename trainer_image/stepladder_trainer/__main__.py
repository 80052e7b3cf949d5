"""`python -m stepladder_trainer`: see `cli`."""

import sys

from stepladder_trainer.cli import main

if __name__ == "__main__":
    main(sys.argv[1:])
