#!/usr/bin/env python3
"""What `ddim sample --count N --out samples.npz` takes beside its network calls, and its memory.

  bench/count_overhead.py PROGRAM [MODEL [COUNT [STEPS [BATCH]]]]      default: models/fashion-mnist 50000 10 64

The run is stopped every half minute (SIGSTOP), and `ddim bench` times the same network on the same machine meanwhile. Prints the
time that the run was running over that of its network calls, by the mean of these timings; and its peak memory beside that of a
run of a single block.
"""
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TURN_SECONDS = 30


def usage_of(process):
    """Waits for its end; its peak memory in MB."""
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{process.args}: status {status}")
    return usage.ru_maxrss / 1024


def main():
    if not 2 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    program = str(pathlib.Path(sys.argv[1]).resolve())
    model, count, steps, batch = (sys.argv[2:] + ["models/fashion-mnist", "50000", "10", "64"][len(sys.argv) - 2:])

    def call_ms():
        answer = subprocess.run([program, "bench", "--model", model, "--batch", batch, "--json"], stdout=subprocess.PIPE, check=True)
        return json.loads(answer.stdout)["median_ms"]

    def sample(number, path):
        return subprocess.Popen([program, "sample", "--model", model, "--count", number, "--steps", steps, "--batch", batch,
                                 "--out", path, "--quiet"])

    with tempfile.TemporaryDirectory() as folder:
        block = usage_of(sample(batch, f"{folder}/block.npz"))
        calls, seconds = [call_ms()], 0.0
        run = sample(count, f"{folder}/samples.npz")
        while True:
            began = time.monotonic()
            end = began + TURN_SECONDS
            while time.monotonic() < end and os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                time.sleep(0.02)
            seconds += time.monotonic() - began
            if os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                break
            run.send_signal(signal.SIGSTOP)
            calls.append(call_ms())
            run.send_signal(signal.SIGCONT)
        peak = usage_of(run)
    network = int(count) * int(steps) * statistics.mean(calls) / 1000
    print(f"{count} pictures in {steps} steps: {seconds:.1f} s, of which the network takes {network:.1f} s "
          f"({len(calls)} timings, {min(calls):.3f} to {max(calls):.3f} ms a call and picture): {seconds / network:.4f}")
    print(f"peak memory: {peak:.1f} MB; of a run of {batch} pictures: {block:.1f} MB")


if __name__ == "__main__":
    main()
