"""`python -m ddim`: the program."""

import os
import sys
from pathlib import Path


def main() -> None:
    program = Path(__file__).parent / "bin" / "ddim"
    os.execv(program, ["ddim", *sys.argv[1:]])


if __name__ == "__main__":
    main()
