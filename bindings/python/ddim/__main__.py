"""`python -m ddim`: the program."""

import os
import sys
from pathlib import Path
from typing import Optional

from . import _core


def _is_ours(file: Path) -> bool:
    """The script that pip makes of main(), which would only come back here."""
    try:
        with open(file, "rb") as opened:
            start = opened.read(4096)
    except OSError:
        return False
    return start.startswith(b"#!") and b"ddim.__main__" in start


def _program() -> Optional[Path]:
    # Beside the compiled part in a wheel; in the prefix that both were installed to (PREFIX/lib/python3.12/site-packages/ddim,
    # PREFIX/lib/python3/dist-packages/ddim); elsewhere the one that is in PATH.
    parents = Path(_core.__file__).resolve().parents
    folders = [parents[0] / "bin", *(prefix / "bin" for prefix in parents[4:5]), *map(Path, os.get_exec_path())]
    for file in (folder / "ddim" for folder in folders):
        if os.path.isfile(file) and os.access(file, os.X_OK) and not _is_ours(file):
            return file
    return None


def main() -> None:
    program = _program()
    if program is None:
        sys.exit(f"ddim: the program is not installed: it is neither in {Path(_core.__file__).parent / 'bin'} nor in PATH")
    os.execv(program, ["ddim", *sys.argv[1:]])


if __name__ == "__main__":
    main()
