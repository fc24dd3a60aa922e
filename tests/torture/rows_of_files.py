"""Rows that damage files, or feed the parsers."""
import os
import pathlib
import random
import re
import shutil

from inputs import (OFFICIAL, SOURCE, Failure, Skip, png, png_of, require, run, write_config, write_pictures)
from row import Row


class Suite(Row):
    """Tests of GoogleTest that do more where DDIM_TORTURE says a scale. They print lines
    "torture: NUMBER NAME", which are the row's counts."""
    binary = filter = ""
    alone = True

    def environment(self, number, scale):
        return {"DDIM_TORTURE": str(scale)} if scale else {}

    def trial(self, program, folder, number, scale):
        binary = program.build / self.binary
        if not binary.exists():
            raise Failure(f"{binary} is not built (cmake --build {program.build})")
        outcome = run([binary, f"--gtest_filter={self.filter}", "--gtest_brief=1"], SOURCE,
                      {"TMPDIR": str(folder), **self.environment(number, scale)}, 6 * 3600)
        require(outcome.code == 0, outcome, outcome.out[-3000:])
        counts = {name: int(count) for count, name in re.findall(r"^torture: (\d+) (.+)$", outcome.out, re.M)}
        passed = re.search(r"\[  PASSED  \] (\d+) test", outcome.out)
        return {"tests": int(passed.group(1)) if passed else 0, **counts}


class PowerLoss(Suite):
    name = "T2"
    title = "power loss in simulation after every call, and again while it recovers"
    binary, filter = "tests/base_files/base_files_test", "PowerLoss.*"


def a_run(program, folder):
    """A small run of 4 steps, the model of it as a folder and as a file of PyTorch."""
    write_pictures(folder / "data", 8)
    write_config(folder / "small.toml", 4, 2, network=OFFICIAL)
    for path in ("run", "model", "model.pth"):
        shutil.rmtree(folder / path, ignore_errors=True)
        (folder / path).unlink(missing_ok=True)
    for command in ("train small.toml --data data --out run --quiet", "convert run model",
                    "convert run model.pth --to official"):
        outcome = program.run(command, folder)
        require(outcome.code == 0, outcome)


class Truncated(Row):
    """Files cut at every length (of small ones) or at 1,000 lengths: refused with one line."""
    name = "T6"
    title = "files cut at every length (small) or 1,000 lengths (large), refused by the program"
    commit_trials = 20

    def set_up(self, program, folder, scale):
        a_run(program, folder)
        checkpoint = "run/checkpoints/step-00000004"
        files = {f"{checkpoint}/{path.relative_to(folder / checkpoint)}": f"verify {checkpoint}"
                 for path in sorted((folder / checkpoint).rglob("*")) if path.is_file()}
        sample = "sample --steps 1 --count 1 --quiet --out a.png --model "
        files.update({"model/unet/diffusion_pytorch_model.safetensors": sample + "model",
                      "model.pth": sample + "model.pth", "data/3.png": "train small.toml --data data --out new --quiet"})
        self.trials = []
        for name, command in files.items():
            size = (folder / name).stat().st_size
            lengths = range(size) if size <= 1000 else sorted(random.Random(2).sample(range(size), 1000))
            self.trials += [(name, command, length) for length in lengths]

    def num_trials(self, scale):
        return self.commit_trials if scale == 0 else round(len(self.trials) * min(scale, 1))

    def order(self, count):
        return super().order(len(self.trials))[:count]

    def trial(self, program, folder, number, scale):
        name, command, length = self.trials[number]
        top = pathlib.Path(name).parts[0]
        for path in {top, "small.toml", *(["data"] if "--data" in command else [])}:
            source = folder.parent / path
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / path)
        before = (folder / name).stat().st_size
        os.truncate(folder / name, length)
        outcome = program.run(command, folder)
        what = f"{name}, {length} of {before} bytes:"
        require(outcome.code == 4, what, outcome, outcome.out)
        said = (outcome.out + outcome.err).strip()
        require(pathlib.Path(name).name in said or "manifest.json" in said, what, "the file is not named:", outcome)
        require(len(outcome.err.strip().splitlines()) <= 3, what, outcome)
        require(outcome.cpu_seconds <= 1, what, "took", outcome.cpu_seconds, "s")
        require(not (folder / "a.png").exists() and not (folder / "new").exists(), what, "and went on")
        return {"lengths": 1}


class Mutated(Row):
    """The targets of the fuzzers, built with the sanitizers: single flipped bits and random damage;
    and flipped bits in whole checkpoints, by the program."""
    name = "T7"
    title = "every flipped bit of small files, 100,000 random mutations per format, flips in checkpoints"
    kPerTrial = 2_000
    kFlipsPerTrial = 10

    def set_up(self, program, folder, scale):
        a_run(program, folder)
        corpus = SOURCE / "tests/fuzz/corpus"
        self.targets = {path.name: program.build / f"tests/fuzz/fuzz_{path.name}" for path in sorted(corpus.iterdir())}
        self.targets = {name: path for name, path in self.targets.items() if path.exists()}
        if not self.targets:
            raise Skip("tests/fuzz is not built")
        seeds = self.scaled(0, 50, scale)
        self.trials = [("mutations", name, seed) for name in self.targets for seed in range(seeds)]
        if scale:
            self.trials += [("bits", name, 0) for name in self.targets]
        self.trials += [("checkpoint", "", seed) for seed in range(self.scaled(2, 200, scale))]

    def num_trials(self, scale):
        return len(self.trials)

    def trial(self, program, folder, number, scale):
        kind, name, seed = self.trials[number]
        if kind == "checkpoint":
            return self.flip_checkpoint(program, folder, seed)
        outcome = run([self.targets[name], SOURCE / "tests/fuzz/corpus" / name], folder,
                      {"DDIM_TORTURE": f"{kind} {seed}", "ASAN_OPTIONS": "quarantine_size_mb=16:hard_rss_limit_mb=600",
                       "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}, 3600)
        require(outcome.code == 0, f"{name}, {kind} {seed}:", outcome)
        count = int(re.search(r"(\d+) inputs", outcome.out).group(1))
        return {"random mutations" if kind == "mutations" else "flipped bits": count,
                "most MiB of a process (sanitizers)": round(outcome.peak_mib)}

    def flip_checkpoint(self, program, folder, seed):
        chance = random.Random(seed)
        shutil.copytree(folder.parent / "run/checkpoints/step-00000004", folder / "step-00000004")
        paths = sorted(path for path in (folder / "step-00000004").rglob("*") if path.is_file())
        for _ in range(self.kFlipsPerTrial):
            path = chance.choice(paths)
            data = bytearray(path.read_bytes())
            at, bit = chance.randrange(len(data)), chance.randrange(8)
            data[at] ^= 1 << bit
            path.write_bytes(data)
            outcome = program.run("verify step-00000004", folder)
            require(outcome.code == 4, f"{path.name}: bit {bit} of byte {at} is not noticed:", outcome, outcome.out)
            data[at] ^= 1 << bit
            path.write_bytes(data)
        return {"flips in checkpoints noticed": self.kFlipsPerTrial}


class Differential(Suite):
    name = "T9"
    title = "random files there and back through Python's torch and safetensors"
    binary, filter = "tests/io/io_test", "TorchPython.*:SafetensorsPython.*"

    def set_up(self, program, folder, scale):
        self.python = os.environ.get("DDIM_PYTHON", "")
        if not self.python or run([self.python, "-c", "import torch, numpy, safetensors"]).code != 0:
            raise Skip("DDIM_PYTHON names no Python with torch, numpy and safetensors")

    def environment(self, number, scale):
        return {"DDIM_PYTHON": self.python, **super().environment(number, scale)}


class Fuzzed(Row):
    """libFuzzer, an hour for each target. It measures by the clock, which goes on while the machine does something
    else: an input that took long is run once more by itself, and counts by its time of the processor."""
    name = "T10"
    title = "libFuzzer with the sanitizers, an hour for each target"
    kSeconds = 60
    kMostSeconds = 2

    def set_up(self, program, folder, scale):
        self.folder = pathlib.Path(os.environ.get("DDIM_FUZZERS", SOURCE / "build-fuzz/tests/fuzz"))
        self.targets = sorted(path for path in self.folder.glob("fuzz_*") if path.is_file() and not path.suffix)
        if not self.targets:
            raise Skip("make fuzz has built no fuzzers in build-fuzz (DDIM_FUZZERS names another folder)")
        self.corpus = folder.parent.parent / "corpus"  # grows, and stays

    def num_trials(self, scale):
        return len(self.targets) * self.scaled(1, 60, scale)

    def order(self, count):
        return range(count)  # each target in turn

    def trial(self, program, folder, number, scale):
        target = self.targets[number % len(self.targets)]
        name = target.name.removeprefix("fuzz_")
        corpus = self.corpus / name
        corpus.mkdir(parents=True, exist_ok=True)
        outcome = run([target, f"-max_total_time={self.kSeconds if scale else 2}", "-rss_limit_mb=512", "-timeout=60",
                       f"-report_slow_units={self.kMostSeconds}", "-max_len=65536", "-verbosity=0", "-print_final_stats=1",
                       f"-artifact_prefix={folder}/", corpus, SOURCE / "tests/fuzz/corpus" / name], folder,
                      {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", "ASAN_OPTIONS": "quarantine_size_mb=16"}, 600)
        require(outcome.code == 0, name, outcome)
        for slow in folder.glob("slow-unit-*"):
            again = run([target, slow], folder, {}, 600)
            require(again.code == 0 and again.cpu_seconds <= self.kMostSeconds, name, slow.name, "took",
                    again.cpu_seconds, "s")
        return {"inputs": int(re.search(r"number_of_executed_units: (\d+)", outcome.err).group(1)),
                "target-minutes": self.kSeconds // 60}


class ManyPictures(Row):
    """A folder of pictures of which one in a hundred is odd or damaged."""
    name = "T11"
    title = "a folder of 10,000 pictures, 1 % of them damaged, empty, huge or of odd kinds"
    commit_trials = 1
    release_trials = 10

    def trial(self, program, folder, number, scale):
        count = self.scaled(200, 10_000, min(scale, 1))
        chance = random.Random(number)
        write_pictures(folder / "data", count)
        bad, odd, links = [], [], 0
        for k in chance.sample(range(count), count // 100):
            path = folder / f"data/{k}.png"
            good = path.read_bytes()
            kind = chance.randrange(8)
            if kind == 0:
                data = b""
            elif kind == 1:
                data = good[:chance.randrange(1, len(good))]
            elif kind == 2:
                data = png_of(65_535, 65_535, b"\x78\x9c\x03\x00\x00\x00\x00\x01")
            elif kind == 3:
                data = bytes(chance.randrange(256) for _ in range(300))
            elif kind == 4:
                path.unlink()
                path.symlink_to(path.name)
                links += 1  # counted, and the first is named
                continue
            elif kind == 5:
                data = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
            else:  # 16 bits, and with alpha: read
                data = png(8, 8, bytes(8 * 8 * (6 if kind == 6 else 4)), *((16, 2) if kind == 6 else (8, 6)))
            path.write_bytes(data)
            (odd if kind >= 6 else bad).append(path.name)
        write_config(folder / "stop.toml", 2, 2)
        text = (folder / "stop.toml").read_text()
        (folder / "skip.toml").write_text(text.replace("[data]\n", "[data]\nskip_corrupt = true\n"))
        command = "train {}.toml --data data --out {} --max-steps 1"
        stopped = program.run(command.format("stop", "stop"), folder)
        if bad:
            require(stopped.code in (1, 4) and any(name in stopped.err for name in bad), stopped)
            require(not (folder / "stop").exists(), "a run was begun")
        outcome = program.run(command.format("skip", "skip"), folder)
        require(outcome.code == 0, outcome)
        for name in bad:
            require(f"/{name}" in outcome.err, f"{name} is not listed:", outcome)
        for name in odd:
            require(f"skipped: {folder}/data/{name}" not in outcome.err, f"{name} was left out:", outcome)
        require(f"data: {count - len(bad) - links:,} images" in outcome.err.replace("data: data", "data"), "another number:",
                outcome)
        require(links == 0 or f"{links} broken link file" in outcome.err, "links are not counted:", outcome)
        require(outcome.peak_mib < 400, "took", outcome.peak_mib, "MiB")
        return {"pictures": count, "damaged, all named": len(bad), "links to themselves": links, "odd, read": len(odd)}


class Golden(Suite):
    name = "T25"
    title = "run folders of each format version load, go on and draw what they drew"
    binary, filter = "tests/cli/cli_test", "Train.RunsOfEveryVersion*"


ROWS = (PowerLoss, Truncated, Mutated, Differential, Fuzzed, ManyPictures, Golden)
