#!/usr/bin/env python3
"""What huge pages bring on this machine: `ddim bench` with and without them, in turns.

    bench/huge_pages.py build/ddim [ROUNDS] [FLAGS OF ddim bench ...]

Without: the process may not have any (prctl PR_SET_THP_DISABLE), as where
/sys/kernel/mm/transparent_hugepage/enabled says never.
"""

import ctypes
import json
import statistics
import subprocess
import sys

PR_SET_THP_DISABLE = 41


def allow_none():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def milliseconds(command, before):
    run = subprocess.run(command, preexec_fn=before, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["median_ms"]


def main():
    program, *rest = sys.argv[1:]
    rounds = int(rest.pop(0)) if rest and rest[0].isdigit() else 5
    command = [program, "bench", *(rest or ["configs/cifar10.toml"]), "--json"]
    with_them, without = [], []
    for _ in range(rounds):
        without.append(milliseconds(command, allow_none))
        with_them.append(milliseconds(command, None))
        print(f"without {without[-1]:.2f} ms, with {with_them[-1]:.2f} ms", flush=True)
    ratio = statistics.median(a / b for a, b in zip(with_them, without))
    print(f"medians of {rounds}: {statistics.median(without):.2f} ms without, "
          f"{statistics.median(with_them):.2f} ms with huge pages; the time is {ratio:.2f} times as long")


if __name__ == "__main__":
    main()
