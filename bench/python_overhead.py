#!/usr/bin/env python3
"""How long model.sample() takes from Python, beside the program, in turns: pictures of the shipped model.

    bench/python_overhead.py [ROUNDS [COUNT [STEPS]]]        default: 7 64 10

Needs the module and, in PATH or in the wheel, its program. Times are of the drawing alone: the program's own, and the call's.
Processor times, which say more where others use the processor, are those of COUNT pictures less those of one: without loading.
The module is imported in an interpreter of its own (ms of `import ddim` beside `import numpy`).
"""

import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import ddim

rounds, count, steps = [int(word) for word in sys.argv[1:]] + [7, 64, 10][len(sys.argv) - 1 :]
model = ddim.load("fashion-mnist")


def program_seconds(out: pathlib.Path, count: int, steps: int) -> tuple[float, float]:
    """Of the drawing, and the processors' of all."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "ddim", "sample", "--model", "fashion-mnist", "--steps", str(steps), "--count",
                           str(count), "--out", str(out), "--overwrite", "--quiet", "--json"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(done.stdout)["seconds"], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def python_seconds(count: int, steps: int) -> tuple[float, float]:
    begin, cpu = time.perf_counter(), time.process_time()
    model.sample(steps=steps, count=count)
    return time.perf_counter() - begin, time.process_time() - cpu


def start_ms(code: str) -> tuple[float, float]:
    def once() -> tuple[float, float]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        wall = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return 1000 * wall, 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    return tuple(map(min, zip(*(once() for _ in range(rounds)))))


def said(what: str, program: float, python: float) -> str:
    return f"{what}: program {1000 * program:.0f} ms, Python {1000 * python:.0f} ms ({100 * (python / program - 1):+.1f} %)"


with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder) / "out.npz"
    python_seconds(1, 1)
    both = [[*program_seconds(out, 1, 1), *python_seconds(1, 1), *program_seconds(out, count, steps), *python_seconds(count, steps)]
            for _ in range(rounds)]  # fmt: skip
_, program_cpu_1, _, python_cpu_1, program, program_cpu, python, python_cpu = (min(times) for times in zip(*both))
print(f"{count} pictures, {steps} steps, best of {rounds}")
print(said("time of drawing", program, python))
print(said("time of processors", program_cpu - program_cpu_1, python_cpu - python_cpu_1))
numpy_ms, ddim_ms = start_ms("import numpy"), start_ms("import ddim")
print(f"import numpy with the interpreter {numpy_ms[0]:.0f} ms ({numpy_ms[1]:.0f} of processors), import ddim "
      f"{ddim_ms[0]:.0f} ms ({ddim_ms[1]:.0f})")  # fmt: skip
