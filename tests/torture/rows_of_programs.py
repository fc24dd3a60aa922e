"""Rows that run the whole program and do something to it."""
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import time
import urllib.error
import urllib.request

from inputs import (SIGNALS, TINY, Failure, Reference, Skip, checkpoints_of, floats_are_finite, has_begun, hash_of, leftovers_of,
                    png, require, steps_in_metrics, write_config, write_pictures)
from row import Row


def last_saved(log):
    """The step of the last whole line "saved .../step-N"; 0 without one."""
    lines = log.read_text(errors="replace").split("\n")[:-1] if log.exists() else []
    steps = [int(line.rsplit("/step-", 1)[1]) for line in lines if line.startswith("saved ") and "/step-" in line]
    return max(steps, default=0)


def require_whole_run(run_folder, steps, reference):
    """A finished run: as if nothing had happened, in all that it leaves behind."""
    require(reference.require_equal(run_folder) == steps, run_folder, "did not get to step", steps)
    require(steps_in_metrics(run_folder) == list(range(1, steps + 1)), "metrics.csv misses steps:",
            steps_in_metrics(run_folder))
    require(not leftovers_of(run_folder), "left behind:", leftovers_of(run_folder))


class Killed(Row):
    """kill -9 at random times, half of them at a save, until the run has finished in spite of it."""
    name = "T1"
    title = "kill -9 while training with a save every 5 steps"
    commit_trials = 1
    release_trials = 10_000  # until there are kills enough
    kSteps = 60

    def set_up(self, program, folder, scale):
        whole = Reference(program, folder, self.kSteps)
        write_config(folder / "small.toml", self.kSteps, 5)
        model = folder / "model"
        shutil.rmtree(model, ignore_errors=True)
        require(program.run("convert whole/checkpoints/step-00000001 model", folder).code == 0)
        self.references = [whole, Reference(program, folder, self.kSteps, name="begun", flags=f"--init {model}")]
        self.starts = [f"train {folder}/small.toml --data {whole.data} --out run" + flag
                       for flag in ("", f" --init {model}")]

    def enough(self, counters, scale):
        goal = 6 if scale == 0 else 1000 * scale
        return counters.get("kills", 0) >= goal and counters.get("inside a save", 0) >= 0.3 * goal

    def trial(self, program, folder, number, scale):
        chance = random.Random(number)
        run_folder, log = folder / "run", folder / "log"
        counts = {"kills": 0, "inside a save": 0, "runs finished bit-equal": 0}
        fresh, reference = self.starts[number % 3 == 2], self.references[number % 3 == 2]
        for _ in range(25 if scale else 4):
            process = program.start("train --resume run" if has_begun(run_folder) else fresh, folder)
            if chance.random() < 0.65:
                self.wait_for_save(process, run_folder, 1 + chance.randrange(2))
                time.sleep(chance.random() * 0.004)
            else:
                time.sleep(chance.random() * 0.4)
            process.kill()
            if process.wait() >= 0:
                require(process.returncode == 0, "exit", process.returncode, log.read_text()[-800:])
                break
            counts["kills"] += 1
            counts["inside a save"] += any(".tmp-" in name for name in names_in(run_folder / "checkpoints"))
            self.require_consistent(program, folder, run_folder, log, reference)
        outcome = program.run("train --resume run" if has_begun(run_folder) else fresh, folder)
        require(outcome.code == 0, outcome)
        require("skipped" not in outcome.err, outcome)
        require_whole_run(run_folder, self.kSteps, reference)
        counts["runs finished bit-equal"] = 1
        return counts

    @staticmethod
    def wait_for_save(process, run_folder, nth):
        """Until the n-th checkpoint from now on is being written, or the process has ended."""
        seen, end = set(), time.monotonic() + 20
        while process.poll() is None and time.monotonic() < end:
            seen.update(name for name in names_in(run_folder / "checkpoints") if ".tmp-" in name)
            if len(seen) >= nth:
                return
            time.sleep(0.0003)

    @staticmethod
    def require_consistent(program, folder, run_folder, log, reference):
        """Every checkpoint is whole and what it should be, and none that was told of is lost."""
        found = checkpoints_of(run_folder)
        require(max(found, default=0) >= last_saved(log), "step", last_saved(log), "was saved, and is gone:", found)
        for step in found:
            reference.require_equal(run_folder, step)
        if found:
            outcome = program.run("verify run", folder)
            require(outcome.code == 0, outcome, outcome.out)


def names_in(folder):
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


class FailingCalls(Row):
    """Every k-th call of every kind, once and for good, through the whole program."""
    name = "T3"
    title = "the k-th system call on a file fails, in train, init, resume, sample, convert, plot"
    kSteps = 2
    FAULTS = {"open": ("EIO", "EACCES", "EINTR"), "read": ("EIO", "EINTR", "short"),
              "write": ("ENOSPC", "EIO", "EINTR", "short"), "fsync": ("EIO", "ENOSPC"),
              "rename": ("EIO", "ENOSPC"), "close": ("EIO", "EINTR"), "mmap": ("ENOMEM", "EIO"),
              "mkdir": ("ENOSPC", "EIO"), "truncate": ("EIO",)}
    COMMANDS = {"train": "train ../small.toml --data ../data --out run --quiet",
                "init": "train ../small.toml --init ../model --data ../data --out run --quiet",
                "resume": "train --resume run --quiet",
                "sample": "sample --model ../model --steps 2 --count 2 --out a.png --save-tensors a.safetensors --quiet",
                "folder": "sample --model ../model --steps 2 --count 2 --out pictures --quiet",
                "convert": "convert ../whole/checkpoints/step-00000002 out",
                "plot": "plot run --out a.svg"}
    FILES = {"sample": ("a.png", "a.safetensors"), "folder": ("pictures/000000.png", "pictures/000001.png"),
             "plot": ("a.svg",), "convert": ("out/unet/diffusion_pytorch_model.safetensors",)}

    def set_up(self, program, folder, scale):
        whole = Reference(program, folder, self.kSteps, TINY)
        write_config(folder / "small.toml", self.kSteps, 2, network=TINY)
        for path in ("half", "model"):
            shutil.rmtree(folder / path, ignore_errors=True)
        require(program.run("train small.toml --data data --out half --quiet --max-steps 1", folder).code == 0)
        require(program.run("convert whole/checkpoints/step-00000002 model", folder).code == 0)
        self.references = {"train": whole, "resume": whole,
                           "init": Reference(program, folder, self.kSteps, TINY, "begun", "--init model")}
        self.trials, self.whole = [], {}
        for name in self.COMMANDS:
            place = folder / f"count-{name}"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            outcome = self.run(program, place, name, {"DDIM_COUNT_CALLS": str(place / "count")})
            require(outcome.code == 0, outcome)
            self.whole[name] = self.made(place, name)
            for line in (place / "count").read_text().splitlines():
                kind, count = line.split()
                for fault in self.FAULTS.get(kind, ()):
                    for k in range(1, int(count) + 1):
                        self.trials += [(name, kind, fault, k, often) for often in ("", "+")]
            shutil.rmtree(place)

    def num_trials(self, scale):
        return 24 if scale == 0 else len(self.trials)

    def order(self, count):
        numbers = super().order(len(self.trials))
        return numbers[:count]

    def run(self, program, place, name, environment):
        if name in ("resume", "plot"):
            shutil.copytree(place.parent / "half", place / "run")
        return program.run(self.COMMANDS[name], place, {"LD_PRELOAD": str(program.failing_calls),
                                                        "DDIM_FAIL_BELOW": str(place.parent), **environment})

    def made(self, place, name):
        """What a command has left behind: the bytes of each of its files, None for one that is not there."""
        files = [place / file for file in self.FILES.get(name, ())]
        return [file.read_bytes() if file.exists() else None for file in files]

    def trial(self, program, folder, number, scale):
        name, kind, fault, k, often = self.trials[number]
        what = f"{name}: {kind} {fault} at {k}{often}:"
        outcome = self.run(program, folder, name, {"DDIM_FAIL_CALL": f"{kind}:{fault}:{k}{often}",
                                                   "DDIM_COUNT_CALLS": str(folder / "count")})
        hit = (folder / "count").exists() and "hit 1" in (folder / "count").read_text()
        (folder / "count").unlink(missing_ok=True)
        require(outcome.code in (0, 5), what, outcome)
        require(fault not in ("EINTR", "short") or often or outcome.code == 0, what, "not survived:", outcome)
        if outcome.code != 0:
            require(outcome.err.startswith("ddim: ") and len(outcome.err.strip().splitlines()) <= 2 or
                    "\nddim: " in outcome.err, what, "no message:", outcome)
        run_folder = folder / "run"
        if name in self.references:
            reference = self.references[name]
            # None of what was there is lost, and the run goes on as if nothing had been.
            if name == "resume":
                require(1 in checkpoints_of(run_folder), what, "the old checkpoint is gone")
            if outcome.code == 0:
                reference.require_equal(run_folder, self.kSteps)
            for step in checkpoints_of(run_folder):
                reference.require_equal(run_folder, step)
            again = program.run("train --resume run" if has_begun(run_folder) else self.COMMANDS[name], folder)
            require(again.code == 0, what, "resumed:", again)
            require("skipped" not in again.err, what, again)
            require_whole_run(run_folder, self.kSteps, reference)
        elif outcome.code == 0:
            require(self.made(folder, name) == self.whole[name], what, "exit 0, and another result")
        else:
            require(all(found in (None, whole) for found, whole in zip(self.made(folder, name), self.whole[name])),
                    what, "half a result is left")
            # What cannot be removed because nothing can is left for the next run.
            require(not leftovers_of(folder) or often, what, "left behind:", leftovers_of(folder))
            again = self.run_again(program, folder, name)
            require(again.code == 0, what, "again:", again)
            require(self.made(folder, name) == self.whole[name] and not leftovers_of(folder), what, "again:",
                    leftovers_of(folder))
        return {"faults": 1, "not met": int(not hit), "survived": int(hit and outcome.code == 0),
                "told of": int(outcome.code == 5)}

    def run_again(self, program, folder, name):
        if name in ("sample", "folder"):  # whatever is there of it
            return program.run(self.COMMANDS[name] + " --resume", folder)
        (folder / "a.svg").unlink(missing_ok=True)
        shutil.rmtree(folder / "out", ignore_errors=True)
        return program.run(self.COMMANDS[name], folder)


class FullDisk(Row):
    """A file system of its own that is really full, of every size from nothing to enough."""
    name = "T4"
    title = "training on a full disk (tmpfs of 100 sizes), then with more room"
    commit_trials = 2
    release_trials = 100
    kSteps = 10

    def set_up(self, program, folder, scale):
        place = folder / "mounted"
        place.mkdir(exist_ok=True)
        if os.geteuid() != 0 or not self.mount(place, "1m"):
            raise Skip("a tmpfs cannot be mounted here (root and the right to mount are needed)")
        subprocess.run(["umount", place], check=True)
        self.reference = Reference(program, folder, self.kSteps)
        write_config(folder / "small.toml", self.kSteps, 2)

    @staticmethod
    def mount(place, size, *more):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *more]), "tmpfs", place],
                              capture_output=True).returncode == 0

    def trial(self, program, folder, number, scale):
        count = self.num_trials(scale)
        most_kib = 4000  # in which it finds room
        kib = 4 + (number + 1) * most_kib // count // 4 * 4
        disk = folder / "disk"
        disk.mkdir()
        require(self.mount(disk, f"{kib}k"), "cannot mount")
        try:
            config = folder.parent / "small.toml"
            command = f"train {config} --data {self.reference.data} --out run --quiet"
            outcome = program.run(command, disk)
            require(outcome.code in (0, 5), outcome)
            if outcome.code == 5:
                require(re.search(r"run[\w./-]*: No space left on device", outcome.err), "no path or reason:", outcome)
                require(not leftovers_of(disk), "left behind:", leftovers_of(disk))
            before = checkpoints_of(disk / "run")
            for step in before:
                self.reference.require_equal(disk / "run", step)
            require(self.mount(disk, "16m", "remount"), "cannot remount")
            again = program.run("train --resume run" if has_begun(disk / "run") else command, disk)
            require(again.code == 0, again)
            require_whole_run(disk / "run", self.kSteps, self.reference)
        finally:
            subprocess.run(["umount", "-l", disk], check=False)
        return {"sizes": 1, "full": int(outcome.code == 5), "with checkpoints kept": int(bool(before) and outcome.code == 5)}


class Resumed(Row):
    """Stopped at a step and resumed by another number of threads: the same bits."""
    name = "T5"
    title = "resume at each of 50 steps, and at 20 random ones of 2,000"
    commit_trials = 3
    release_trials = 70
    kSteps = 51

    def set_up(self, program, folder, scale):
        self.reference = Reference(program, folder, self.kSteps)
        write_config(folder / "small.toml", self.kSteps, 7)
        write_config(folder / "long.toml", 2000, 500)
        if scale and not (folder / "long" / "checkpoints").exists():
            outcome = program.run("train long.toml --data data --out long --quiet", folder)
            require(outcome.code == 0, outcome)

    def trial(self, program, folder, number, scale):
        chance = random.Random(number)
        is_long = number >= 50
        stop = chance.randrange(1, 2000) if is_long else number + 1
        config, whole = ("long.toml", folder.parent / "long") if is_long else ("small.toml", folder.parent / "whole")
        threads = chance.sample([1, 2, 3, 4], 2)
        first = program.run(f"train ../{config} --data ../data --out run --quiet --max-steps {stop} "
                            f"--threads {threads[0]}", folder)
        require(first.code == 0, first)
        again = program.run(f"train --resume run --quiet --threads {threads[1]}", folder)
        require(again.code == 0, again)
        steps = 2000 if is_long else self.kSteps
        ours, theirs = (checkpoints_of(place).get(steps) for place in (folder / "run", whole))
        require(ours and theirs and hash_of(ours) == hash_of(theirs), f"stopped at {stop}: another result")
        require(steps_in_metrics(folder / "run") == list(range(1, steps + 1)), "metrics.csv misses steps")
        return {"stops, other threads": 1}


class FailingNew(Row):
    """The N-th allocation fails: a message, no signal, nothing half made; a server keeps serving."""
    name = "T12"
    title = "the N-th allocation fails in info, sample, train, convert, serve"
    COMMANDS = {"info": "info ../model", "sample": "sample --model ../model --steps 2 --count 2 --out a.png --quiet",
                "train": "train ../small.toml --data ../data --out run --quiet", "convert": "convert ../model out"}

    def set_up(self, program, folder, scale):
        write_pictures(folder / "data", 8)
        write_config(folder / "small.toml", 2, 2)
        for path in ("run", "model"):
            shutil.rmtree(folder / path, ignore_errors=True)
        require(program.run("train small.toml --data data --out run --quiet", folder).code == 0)
        require(program.run("convert run model", folder).code == 0)
        self.trials, self.whole = [], {}
        for name, command in self.COMMANDS.items():
            place = folder / f"count-{name}"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            outcome = self.run(program, place, command, DDIM_COUNT_NEW=str(place / "count"))
            require(outcome.code == 0, outcome)
            self.whole[name] = self.made(place)
            total = int((place / "count").read_text())
            require(total > 1000, name, "asks for memory", total, "times: the failures do not reach it")
            shutil.rmtree(place)
            numbers = set(range(1, 201)) | set(range(1, total, max(1, total // 800)))
            self.trials += [(name, f"{n}{often}") for n in sorted(numbers)
                            for often in ("", "+")]
        self.trials += [("serve", str(1 + 131 * i)) for i in range(200)]

    def num_trials(self, scale):
        return 12 if scale == 0 else len(self.trials)

    def order(self, count):
        return super().order(len(self.trials))[:count]

    @staticmethod
    def run(program, place, command, threads=1, **environment):
        return program.run(command, place, {"LD_PRELOAD": str(program.failing_new), "DDIM_THREADS": str(threads),
                                            **environment})

    def trial(self, program, folder, number, scale):
        name, n = self.trials[number]
        if name == "serve":
            return self.serve(program, folder, n)
        outcome = self.run(program, folder, self.COMMANDS[name], 1 + number % 3 // 2, DDIM_FAIL_NEW=n)
        what = f"{name}, call {n}:"
        require(outcome.code in (0, 1), what, outcome)
        require(outcome.code == 0 or "ddim: " in outcome.err, what, outcome)
        require(not leftovers_of(folder), what, "left behind:", leftovers_of(folder))
        if outcome.code != 0:
            require(self.made(folder) in (None, self.whole[name]), what, "half a result is left")
        return {"failed allocations": 1, "got over": int(outcome.code == 0)}

    @staticmethod
    def made(place):
        """A result: nothing, or the bytes of all its files."""
        files = [place / "a.png", *sorted((place / "out").rglob("*"))]
        return {path.name: path.read_bytes() for path in files if path.is_file()} or None

    @staticmethod
    def serve(program, folder, n):
        process = program.start("serve --model ../model --port 0 --quiet", folder,
                                {"LD_PRELOAD": str(program.failing_new), "DDIM_FAIL_NEW": n})
        try:
            url, end = None, time.monotonic() + 60
            while url is None:
                found = re.search(r"http://[^ \n]*/", (folder / "log").read_text(errors="replace"))
                url = found.group(0) if found else None
                if process.poll() is not None:
                    require(process.returncode == 1 and "ddim: " in (folder / "log").read_text(), f"serve, call {n}: exit",
                            process.returncode, (folder / "log").read_text()[-500:])
                    return {"failed allocations": 1}
                require(time.monotonic() < end, f"serve, call {n}: does not answer")
                time.sleep(0.01)

            def ask(path, body=None):
                try:
                    with urllib.request.urlopen(url + path, body and body.encode(), timeout=30) as answer:
                        return answer.status, answer.read().decode()
                except urllib.error.HTTPError as error:
                    return error.code, error.read().decode()
                except (urllib.error.URLError, OSError):
                    return 0, ""

            for _ in range(2):  # the first may meet the failure
                ask("api/jobs", '{"steps": 2}')
            require(ask("healthz")[0] == 200 or ask("healthz")[0] == 200, f"serve, call {n}: is ill")
            end = time.monotonic() + 60
            while True:
                status, text = ask("api/jobs", '{"steps": 2}')
                require(process.poll() is None, f"serve, call {n}: ended, exit", process.returncode,
                        (folder / "log").read_text()[-500:])
                if status == 202:
                    job = json.loads(text)["id"]
                    while True:
                        status, text = ask(f"api/jobs/{job}")
                        require(process.poll() is None, f"serve, call {n}: ended, exit", process.returncode,
                                (folder / "log").read_text()[-500:])
                        state = json.loads(text or "{}").get("state")
                        if state in ("done", "failed"):
                            break
                        require(time.monotonic() < end, f"serve, call {n}: job stays {state}: {status} {text}")
                        time.sleep(0.02)
                    if state == "done":
                        break
                require(time.monotonic() < end, f"serve, call {n}: no job is done any more: {status} {text}")
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
        return {"failed allocations": 1, "servers that go on": 1}


class NotFinite(Row):
    """NaN and infinities, at the command line."""
    name = "T13"
    title = "NaN and infinity: learning rates, spikes, weights, pictures"
    commit_trials = 4
    release_trials = 200

    def set_up(self, program, folder, scale):
        write_pictures(folder / "data", 8)
        write_config(folder / "small.toml", 60, 2, 'clip_norm = 0.0\nloss = "sum"\nlearning_rate = 1e-3')
        write_config(folder / "spikes.toml", 200, 50, "clip_norm = 0.0\nskip_spikes = 6.0\nlearning_rate = 1e-3")
        for path in ("run", "model", "spikes"):
            shutil.rmtree(folder / path, ignore_errors=True)
        for command in ("train small.toml --data data --out run --quiet --max-steps 4",
                        "train spikes.toml --data data --out spikes --quiet --max-steps 150", "convert run model"):
            outcome = program.run(command, folder)
            require(outcome.code == 0, outcome)

    def order(self, count):
        return range(count)

    def trial(self, program, folder, number, scale):
        return (self.rate, self.spike, self.weight, self.picture)[number % 4](program, folder, random.Random(number))

    @staticmethod
    def rate(program, folder, chance):
        shutil.copytree(folder.parent / "run", folder / "run")
        rate = 10.0 ** chance.uniform(1, 5.99)
        outcome = program.run(f"train --resume run --quiet --override training.learning_rate={rate:.3g}", folder)
        found = checkpoints_of(folder / "run")
        require(4 in found or 2 in found, "the last good checkpoint is gone:", found)
        require(hash_of(found[4]) == hash_of(folder.parent / "run/checkpoints/step-00000004"), "step 4 has changed")
        for path in found.values():
            require(floats_are_finite(path / "state.safetensors"), path, "holds NaN or infinity")
        require(outcome.code in (0, 3), f"rate {rate:.3g}:", outcome)
        if outcome.code == 3:
            require("--override training.learning_rate=RATE" in outcome.err, "no advice:", outcome)
            back = program.run("train --resume run --quiet --resume-from 4 --max-steps 8 "
                               "--override training.learning_rate=1e-3", folder)
            require(back.code == 0, "back at step 4:", back)
        return {"learning rates": 1, "that diverged, exit 3": int(outcome.code == 3)}

    @staticmethod
    def spike(program, folder, chance):
        shutil.copytree(folder.parent / "spikes", folder / "spikes")
        rate = 10.0 ** chance.uniform(0, 3)
        ruined = program.run(f"train --resume spikes --quiet --max-steps 151 --override training.learning_rate={rate:.3g}",
                             folder)
        require(ruined.code in (0, 3), ruined)
        outcome = program.run("train --resume spikes --quiet", folder)
        require(outcome.code in (0, 3), outcome)
        rows = [line.split(",") for line in (folder / "spikes/metrics.csv").read_text().splitlines()]
        skipped = rows[0].index("skipped")
        left_out = [row for row in rows[152:] if row[skipped] == "1"]
        require(left_out, f"a spike after one step at rate {rate:.3g} was not noticed")
        for path in checkpoints_of(folder / "spikes").values():
            require(floats_are_finite(path / "state.safetensors"), path, "holds NaN or infinity")
        return {"spikes noticed": 1}

    @staticmethod
    def weight(program, folder, chance):
        """One weight of a model becomes NaN or an infinity: no black picture."""
        shutil.copytree(folder.parent / "model", folder / "model")
        path = folder / "model/unet/diffusion_pytorch_model.safetensors"
        data = bytearray(path.read_bytes())
        begin = 8 + struct.unpack("<Q", data[:8])[0]
        at = begin + 4 * chance.randrange((len(data) - begin) // 4)
        data[at:at + 4] = struct.pack("<f", chance.choice([float("nan"), float("inf"), float("-inf")]))
        path.write_bytes(data)
        command = "sample --model model --steps 2 --count 1 --quiet --out a.png"
        damaged = program.run(command, folder)
        require(damaged.code == 4, "the digest does not tell:", damaged)
        outcome = program.run(command + " --no-verify", folder)
        require(outcome.code in (3, 4), "a weight is not finite:", outcome)
        require(not (folder / "a.png").exists(), "a picture was written:", outcome)
        return {"weights": 1}

    @staticmethod
    def picture(program, folder, chance):
        """One value of a set of float pictures."""
        values = [chance.uniform(-1, 1) for _ in range(4 * 8 * 8 * 3)]
        values[chance.randrange(len(values))] = chance.choice([float("nan"), float("inf"), float("-inf")])
        header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 8, 8, 3), }"
        header += " " * (63 - (10 + len(header)) % 64) + "\n"
        (folder / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() +
                                       struct.pack(f"<{len(values)}f", *values))
        outcome = program.run("train ../small.toml --data a.npy --out run --quiet", folder)
        require(outcome.code in (1, 4) and "a.npy" in outcome.err, "taken for a picture:", outcome)
        require(not (folder / "run").exists(), "a run was begun")
        return {"pictures": 1}


class Signalled(Row):
    """Any signal that asks a process to end, at any time."""
    name = "T23"
    title = "SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGXFSZ, SIGPIPE at random times, half of them twice"
    commit_trials = 3
    release_trials = 200
    kSteps = 400

    def set_up(self, program, folder, scale):
        self.reference = Reference(program, folder, self.kSteps if scale else 60)
        write_config(folder / "small.toml", self.reference.steps, 50)

    def trial(self, program, folder, number, scale):
        chance = random.Random(number)
        sent = list(SIGNALS)[number % len(SIGNALS)]
        twice = chance.random() < 0.5
        run_folder = folder / "run"
        process = program.start("train ../small.toml --data ../data --out run", folder)
        if chance.random() < 0.85:
            while not (run_folder / "checkpoints").exists() and process.poll() is None:
                time.sleep(0.001)
        time.sleep(chance.random() * 0.5)
        process.send_signal(sent)
        if twice:
            time.sleep(chance.random() * 0.02)
            process.send_signal(sent)
        began = time.monotonic()
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failure(f"{sent.name}: goes on after 60 s") from None
        log = (folder / "log").read_text(errors="replace")
        newest = max(checkpoints_of(run_folder), default=0)
        what = f"{sent.name}{' twice' if twice else ''}: exit {code}: {log[-600:]}"
        early = code == -sent and newest == 0  # before it watched signals
        if not early:
            require(code in (0, SIGNALS[sent]), what)
            steps = steps_in_metrics(run_folder) if (run_folder / "metrics.csv").exists() else []
            require(newest == (steps[-1] if steps else 0), "saved at", newest, "ended at", steps[-1:], what)
        for step in checkpoints_of(run_folder):
            self.reference.require_equal(run_folder, step)
        seconds = time.monotonic() - began
        again = program.run("train --resume run --quiet" if has_begun(run_folder) else
                            "train ../small.toml --data ../data --out run --quiet", folder)
        require(again.code == 0, what, "resumed:", again)
        require_whole_run(run_folder, self.reference.steps, self.reference)
        return {"signals": 1, "saved and ended": int(code in (0, 130) and newest < self.reference.steps),
                "most seconds to the end": round(seconds, 1)}


ROWS = (Killed, FailingCalls, FullDisk, Resumed, FailingNew, NotFinite, Signalled)
