#!/usr/bin/env python3
"""Runs the rows of docs/reliability.md at any size; can be stopped at any time, and goes on where it was.

  torture.py --build BUILD [--rows T1,T2] [--scale release|commit|NUMBER] [--state FOLDER] [--jobs N]
  torture.py --build BUILD --write docs/reliability.md      write what has been run into its table

The state is a file for each row in FOLDER (default BUILD/torture). A row is a number of independent trials;
those that have run are not run again. --fresh forgets them. Prints a line for each row; exits 1 where a row
has failures.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import rows_of_files
import rows_of_programs
import rows_of_suites
from inputs import SOURCE, Failure, Program, Skip

ROWS = {row.name: row for module in (rows_of_programs, rows_of_files, rows_of_suites) for row in module.ROWS}
MOST_FAILURES = 20  # then the row ends
BEGIN, END = "<!-- torture: begin -->", "<!-- torture: end -->"


def commit():
    def git(*words):
        return subprocess.run(["git", "-C", SOURCE, *words], capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    found = re.search(r"model name\s*: (.*)", text)
    return f"{os.cpu_count()} x {found.group(1) if found else os.uname().machine}"


class State:
    """What has been run of a row, kept in a file."""

    def __init__(self, folder, name):
        self.path = folder / f"{name}.json"
        self.lock = threading.Lock()
        self.saved = time.monotonic()
        self.values = {"row": name, "done": [], "counters": {}, "failures": [], "seconds": 0.0, "commits": [],
                       "machine": machine(), "skipped": "", "trials": 0, "date": ""}
        if self.path.exists():
            self.values.update(json.loads(self.path.read_text()))
        self.done = set(self.values["done"])

    def add(self, trial, counters, failure):
        with self.lock:
            self.done.add(trial)
            for name, count in counters.items():
                merge = max if name.startswith("most ") else lambda a, b: a + b
                old = self.values["counters"].get(name)
                self.values["counters"][name] = count if old is None else merge(old, count)
            if failure:
                self.values["failures"].append(f"trial {trial}: {failure}")
            if time.monotonic() - self.saved > 1:
                self.save()

    def save(self):
        self.values["done"] = sorted(self.done)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.values, indent=1))
        os.replace(temporary, self.path)
        self.saved = time.monotonic()


def counts_in_words(values):
    parts = []
    for name, count in values["counters"].items():
        parts.append(f"{name} {count:,.1f}" if isinstance(count, float) else f"{count:,} {name}")
    return ", ".join(parts)


def line_of(row, values):
    if values["skipped"]:
        return f"{row.name}: {row.title}: skipped: {values['skipped']}"
    part = "" if values["trials"] == 0 or len(values["done"]) >= values["trials"] else \
        f" ({len(values['done']):,} of {values['trials']:,} trials)"
    return (f"{row.name}: {row.title}: {counts_in_words(values)}{part}; {len(values['failures'])} failures, "
            f"{values['seconds']:,.0f} s")


def run_row(row, program, folder, scale, jobs, deadline, stopping):
    state = State(folder, row.name)
    values = state.values
    values.update({"skipped": "", "scale": scale, "date": datetime.date.today().isoformat()})
    scratch = folder / "work" / row.name
    scratch.mkdir(parents=True, exist_ok=True)
    began, before = time.monotonic(), values["seconds"]
    try:
        row.set_up(program, scratch, scale)
        values["trials"] = row.num_trials(scale)
    except Skip as reason:
        values["skipped"] = str(reason)
        state.save()
        print(line_of(row, values), flush=True)
        return True
    except Failure as failure:
        values["failures"].append(f"before the first trial: {failure}")
        state.save()
        print(f"{row.name}: FAILED: {failure}", flush=True)
        return False
    if commit() not in values["commits"]:
        values["commits"].append(commit())

    def attempt(trial):
        if stopping.is_set() or time.monotonic() > deadline:
            return False
        place = scratch / str(trial)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        failure, counters = "", {}
        try:
            counters = row.trial(program, place, trial, scale) or {}
        except Failure as found:
            failure = str(found)
            print(f"{row.name}: FAILED: trial {trial}: {failure}", flush=True)
        except Exception as error:  # a mistake of the row is a failure too
            if stopping.is_set():
                return False
            failure = f"{type(error).__name__}: {error}"
            print(f"{row.name}: FAILED: trial {trial}: {failure}", flush=True)
        if stopping.is_set() and failure:
            return False  # ended with the driver
        state.add(trial, counters, failure)
        if not failure:
            shutil.rmtree(place, ignore_errors=True)
        return True

    # One after another, in any order; what is open when it stops is run again.
    waiting = iter(trial for trial in row.order(values["trials"]) if trial not in state.done)
    with concurrent.futures.ThreadPoolExecutor(1 if row.alone else jobs) as pool:
        pending = set()
        for trial in waiting:
            if stopping.is_set() or len(values["failures"]) >= MOST_FAILURES or time.monotonic() > deadline or \
                    row.enough(values["counters"], scale):
                break
            pending.add(pool.submit(attempt, trial))
            if len(pending) > jobs:
                _, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
    if row.enough(values["counters"], scale):
        values["trials"] = len(state.done)
    values["seconds"] = before + time.monotonic() - began
    state.save()
    if not values["failures"] and not stopping.is_set():
        shutil.rmtree(scratch, ignore_errors=True)
    print(line_of(row, values), flush=True)
    return not values["failures"]


def table(folder, before):
    """The rows of `before` stay, where nothing of them is in `folder`: they were run elsewhere."""
    known = {line.split("|")[1].strip(): line for line in before.splitlines() if line.startswith("| T")}
    lines = [BEGIN, "", "| row | what was done | size | failures | when, what, where |", "|---|---|---|---|---|"]
    for name, row in sorted(ROWS.items(), key=lambda item: int(item[0][1:])):
        path = folder / f"{name}.json"
        values = json.loads(path.read_text()) if path.exists() else None
        if values is None:
            lines.append(known.get(name, f"| {name} | {row.title} | not run | | |"))
            continue
        where = f"{values['date']}, {', '.join(values['commits'])}; {values['machine']}"
        if values["skipped"]:
            lines.append(f"| {name} | {row.title} | not run: {values['skipped']} | | |")
            continue
        whole = len(values["done"]) >= values["trials"] and values["scale"] >= 1
        part = f"{len(values['done']):,} of {values['trials']:,} trials at scale {values['scale']:g}"
        size = counts_in_words(values) + ("" if whole else f"; **not the release level**: {part}")
        lines.append(f"| {name} | {row.title} | {size} | {len(values['failures'])} | {where} |")
    return "\n".join(lines + ["", END])


def write_table(path, folder):
    text = path.read_text()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    path.write_text(text[:begin] + table(folder, text[begin:end]) + text[end:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--rows", default="")
    parser.add_argument("--scale", default="release")
    parser.add_argument("--state", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        for name, row in ROWS.items():
            print(f"{name:4} {row.title}")
        return 0
    folder = (options.state or options.build / "torture").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if options.write:
        write_table(options.write, folder)
        return 0
    names = [name for name in options.rows.replace(" ", ",").split(",") if name] or list(ROWS)
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    scale = {"commit": 0.0, "release": 1.0}.get(options.scale)
    if scale is None:
        try:
            scale = float(options.scale)
        except ValueError:
            parser.error(f"--scale {options.scale}: release, commit or a number")
    stopping = threading.Event()

    def stop(*_):
        if stopping.is_set():
            os._exit(130)
        stopping.set()
        print("torture: stops after the trials that are running; run it again to go on", flush=True)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # nohup: not for the programs that are tested
        signal.signal(signal.SIGHUP, lambda *_: None)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    deadline = time.monotonic() + options.minutes * 60
    good = True
    for name in names:
        if options.fresh:
            (folder / f"{name}.json").unlink(missing_ok=True)
            shutil.rmtree(folder / "work" / name, ignore_errors=True)
        if not stopping.is_set():
            good = run_row(ROWS[name](), Program(options.build), folder, scale, options.jobs, deadline,
                           stopping) and good
    return 130 if stopping.is_set() else 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
