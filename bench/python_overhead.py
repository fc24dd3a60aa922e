#!/usr/bin/env python3
"""How long model.sample() takes from Python, beside the program, in turns: pictures of the shipped model.

    bench/python_overhead.py [ROUNDS [COUNT [STEPS]]]        default: 7 64 10

Needs the module and, in PATH or in the wheel, its program. Both times are of the drawing alone: the program's own, and the
call's. The module is imported in an interpreter of its own (ms of `import ddim` beyond an empty one's with NumPy).
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import ddim

rounds, count, steps = [int(word) for word in sys.argv[1:]] + [7, 64, 10][len(sys.argv) - 1 :]
model = ddim.load("fashion-mnist")


def program_seconds(out: pathlib.Path) -> float:
    done = subprocess.run([sys.executable, "-m", "ddim", "sample", "--model", "fashion-mnist", "--steps", str(steps), "--count",
                           str(count), "--out", str(out), "--overwrite", "--quiet", "--json"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    return json.loads(done.stdout)["seconds"]


def python_seconds() -> float:
    begin = time.perf_counter()
    model.sample(steps=steps, count=count)
    return time.perf_counter() - begin


def start_ms(code: str) -> float:
    def once() -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return 1000 * (time.perf_counter() - begin)

    return min(once() for _ in range(rounds))


with tempfile.TemporaryDirectory() as folder:
    python_seconds()
    pairs = [(program_seconds(pathlib.Path(folder) / "out.npz"), python_seconds()) for _ in range(rounds)]
program, python = (min(times) for times in zip(*pairs))
ratios = sorted(python / program for program, python in pairs)
print(f"{count} pictures, {steps} steps, best of {rounds}: program {1000 * program:.0f} ms, Python {1000 * python:.0f} ms"
      f" ({100 * (python / program - 1):+.1f} %; median of the rounds {100 * (ratios[rounds // 2] - 1):+.1f} %)")  # fmt: skip
numpy_ms, ddim_ms = start_ms("import numpy"), start_ms("import ddim")
print(f"import numpy {numpy_ms:.0f} ms with the interpreter, import ddim {ddim_ms:.0f} ms ({ddim_ms - numpy_ms:+.0f} ms)")
