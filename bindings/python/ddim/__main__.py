"""`python -m ddim`: the program."""

import os
import shutil
import sys
from pathlib import Path


def main() -> None:
    # Beside this file in a wheel; elsewhere the one that is installed.
    program = Path(__file__).parent / "bin" / "ddim"
    found = str(program) if program.exists() else shutil.which("ddim")
    if found is None:
        sys.exit(f"ddim: the program is not installed: it is neither {program} nor in PATH")
    os.execv(found, ["ddim", *sys.argv[1:]])


if __name__ == "__main__":
    main()
