#!/usr/bin/env python3
"""How long a save stops a training, and how long resuming takes: the network of configs/cifar10.toml, whose checkpoint has 715 MB.

  bench/save.py PROGRAM [PROGRAM ...]      e.g. of an older build, to be compared

The programs take turns. Prints the medians of all saves: the step without one, how much longer the longest step beside one was
(what the save stopped), how much longer all steps of an interval took together (what it cost), and the time of resuming:
until the first step is done, less that step.
"""
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS, SAVES, INTERVAL, BATCH = 2, 4, 8, 4
SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SOURCE / "tests/torture"))
from inputs import png  # noqa: E402


def write_pictures(folder, count):
    folder.mkdir()
    chance = random.Random(0)
    for number in range(count):
        (folder / f"{number}.png").write_bytes(png(32, 32, chance.randbytes(32 * 32 * 3)))


def write_config(path, steps):
    text = (SOURCE / "configs/cifar10.toml").read_text()
    for old, new in (("batch = 128", f"batch = {BATCH}"), ("shards = 8", "shards = 1"), ("steps = 800000", f"steps = {steps}"),
                     ("warmup_steps = 5000", "warmup_steps = 2"), ("checkpoint_every_steps = 5000", f"checkpoint_every_steps = {INTERVAL}"),
                     ("log_every_steps = 100", "log_every_steps = 1"), ("sample_every_steps = 10000", "sample_every_steps = 1000")):
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def arrivals(command, folder, before=0):
    """When each line of metrics.csv was written after the first `before` of them, in seconds from the start of the command."""
    path, found = folder / "run/metrics.csv", []
    began = time.monotonic()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            lines = path.read_bytes().count(b"\n") - before if path.exists() else 0
            found += [time.monotonic() - began] * (lines - len(found))
            time.sleep(0.005)
    if process.returncode != 0:
        sys.exit(f"{command}: exit {process.returncode}")
    return found


def measure(program, folder):
    """Seconds of a step, of each stop, of the cost of each save, of resuming."""
    steps = INTERVAL * SAVES + 1
    shutil.rmtree(folder / "run", ignore_errors=True)
    write_config(folder / "a.toml", steps)
    lines = arrivals([program, "train", "a.toml", "--data", "data", "--out", "run", "--max-steps", str(steps - 1)], folder)
    took = [after - before for before, after in zip(lines[1:], lines[2:])]  # took[k - 2] is step k; the first line is the header
    beside = {save + after for save in range(INTERVAL, steps - 1, INTERVAL) for after in (0, 1, 2, 3)}
    step = statistics.median(each for k, each in enumerate(took, 2) if k not in beside)
    intervals = [took[save - 2:save - 2 + INTERVAL] for save in range(INTERVAL, steps - INTERVAL, INTERVAL)]
    resumed = arrivals([program, "train", "--resume", "run", "--max-steps", str(steps)], folder, before=steps)
    return step, [max(each) - step for each in intervals], [sum(each) - step * len(each) for each in intervals], resumed[0] - step


def main():
    programs = [pathlib.Path(word).resolve() for word in sys.argv[1:]]
    if not programs:
        sys.exit(__doc__)
    found = {program: ([], [], [], []) for program in programs}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_pictures(folder / "data", 64)
        for _ in range(ROUNDS):
            for program in programs:
                step, stops, costs, resuming = measure(program, folder)
                for values, new in zip(found[program], ([step], stops, costs, [resuming])):
                    values += new
    for program, values in found.items():
        step, stop, cost, resuming = map(statistics.median, values)
        print(f"{program}: step {step:.2f} s; a save stops it for {stop:.2f} s and costs {cost:.2f} s; resuming takes {resuming:.2f} s")


if __name__ == "__main__":
    main()
