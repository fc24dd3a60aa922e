"""Rows that run whole test suites in other builds, the server's script, and the soak."""
import json
import os
import re
import shutil
import time
import urllib.request

from inputs import SOURCE, Failure, Skip, require, run, write_config, write_pictures
from row import Row


def shell(command, seconds=6 * 3600):
    outcome = run(["bash", "-c", command], SOURCE, {"JOBS": str(os.cpu_count())}, seconds)
    require(outcome.code == 0, outcome, outcome.out[-3000:])
    return outcome


class Sanitized(Row):
    """The whole suite under the address and undefined-behaviour sanitizers; teams of threads, data and
    training under the thread sanitizer; parsers under valgrind."""
    name = "T15"
    title = "the suite under ASan and UBSan, threads and training under TSan, parsers under valgrind"
    parts = 12  # of the suite, so that a run that was stopped goes on
    release_trials = parts + 2
    alone = True

    def set_up(self, program, folder, scale):
        if scale == 0:
            raise Skip("takes an hour; make asan, make tsan")

    def trial(self, program, folder, number, scale):
        jobs = os.cpu_count()
        if number < self.parts:
            said = shell(f"cmake --preset asan && cmake --build --preset asan -j {jobs} && "
                         f"ctest --preset asan -j {jobs} -I {number + 1},,{self.parts}")
            return {"tests under ASan": int(re.search(r"tests passed.* out of (\d+)", said.out).group(1))}
        if number == self.parts:
            rooms = ("base", "data", "train", "run")
            targets = " ".join(f"{room}_test" for room in rooms)
            shell(f"cmake --preset tsan && cmake --build --preset tsan -j {jobs} --target {targets} killable_run")
            for room in rooms:
                shell("OMP_NUM_THREADS=1 TSAN_OPTIONS=halt_on_error=1:suppressions=tests/thread_sanitizer.txt "
                      f"build-tsan/tests/{room}/{room}_test --gtest_brief=1")
            return {"rooms under TSan": len(rooms)}
        if shutil.which("valgrind") is None:
            raise Failure("there is no valgrind (scripts/setup.sh --torture)")
        shell(f"valgrind -q --error-exitcode=9 {program.build}/tests/io/io_test --gtest_brief=1 "
              "--gtest_filter='*Hostile*:*LyingStream*:Zip*:Pickle.*-*AMillionSteps*:*OneMillionTensors*:*EveryTruncation*Png*'")
        return {"suites under valgrind": 1}


class Server(Row):
    """scripts/torture_server.sh, which has rows T16 to T20."""
    name = "T16"
    title = "the server: T16 load, T17 slow clients, T18 oversize, T19 nonsense, T20 strangers"
    alone = True

    def set_up(self, program, folder, scale):
        missing = [tool for tool in ("wrk", "slowhttptest", "curl") if shutil.which(tool) is None]
        if missing or scale == 0:
            raise Skip(f"there is no {', '.join(missing)} (scripts/setup.sh --torture)" if missing else
                       "takes minutes; tests/server has the commit size")

    def trial(self, program, folder, number, scale):
        said = shell(f"scripts/torture_server.sh {program.build} {max(10, round(600 * scale))}")
        requests = re.search(r"(\d+) requests, ", said.out)
        slow = re.findall(r"worst ([\d.]+) s", said.out)
        return {"requests": int(requests.group(1)),
                "most seconds of an answer beside slow clients": max(map(float, slow))}


class Ranks(Row):
    """scripts/torture_ranks.sh, ten deaths a trial."""
    name = "T22"
    title = "one of 2 to 4 processes that train together is killed or stopped, one time of three in a save"
    release_trials = 10
    alone = True
    kDeaths = 10

    def set_up(self, program, folder, scale):
        if shutil.which("mpirun") is None:
            raise Skip("there is no mpirun (apt-get install openmpi-bin)")
        if scale == 0:
            raise Skip("tests/cli has the commit size")

    def trial(self, program, folder, number, scale):
        said = shell(f"RANK_TRIALS={self.kDeaths} RANK_SEED={number + 1} scripts/torture_ranks.sh {program.build}")
        found = re.search(r"(\d+) trials .* stopped, (\d+) of them in a save.* within (\d+) ms", said.out)
        deaths, in_saves, longest = map(int, found.groups())
        return {"deaths": deaths, "in a save": in_saves, "most ms until the others ended": longest}


class Soak(Row):
    """A server that draws and a training beside it, for hours: neither grows."""
    name = "T21"
    title = "eight hours of serving, drawing and training: memory and descriptors stay"
    alone = True
    kMinutes = 480

    def trial(self, program, folder, number, scale):
        minutes = self.scaled(0, self.kMinutes, scale) or 0.1
        write_pictures(folder / "data", 8)
        write_config(folder / "small.toml", 10_000_000, 500)
        write_config(folder / "first.toml", 4, 4)
        for command in ("train first.toml --data data --out first --quiet", "convert first model"):
            outcome = program.run(command, folder)
            require(outcome.code == 0, outcome)
        training = program.start("train small.toml --data data --out run --quiet", folder, log="train.log")
        serving = program.start("serve --model model --port 0 --quiet", folder, log="serve.log")
        try:
            url, end = None, time.monotonic() + 60
            while url is None:
                found = re.search(r"http://[^ \n]*/", (folder / "serve.log").read_text())
                url = found.group(0) if found else None
                require(time.monotonic() < end and serving.poll() is None, "the server does not answer")
                time.sleep(0.05)
            samples, jobs, end = [], 0, time.monotonic() + minutes * 60
            while time.monotonic() < end:
                body = json.dumps({"steps": 5, "seed": jobs, "count": 4}).encode()
                with urllib.request.urlopen(url + "api/jobs", body, timeout=30) as answer:
                    job = json.loads(answer.read())["id"]
                while True:
                    with urllib.request.urlopen(f"{url}api/jobs/{job}", timeout=30) as answer:
                        state = json.loads(answer.read())["state"]
                    if state in ("done", "failed"):
                        break
                    time.sleep(0.02)
                require(state == "done", "job", job, state)
                jobs += 1
                for process in (training, serving):
                    require(process.poll() is None, "a process has ended:", process.returncode)
                samples.append((time.monotonic(), *size_of(training.pid), *size_of(serving.pid)))
                time.sleep(min(0.5, minutes))
        finally:
            for process in (training, serving):
                process.terminate()
            codes = [process.wait(60) for process in (training, serving)]
        require(codes == [0, 0], "exit codes", codes)
        half = samples[len(samples) // 2:]  # after the caches are full
        hours = max((half[-1][0] - half[0][0]) / 3600, 1e-9)
        for column, what in ((1, "training"), (3, "server")):
            grown = median(half[-len(half) // 4:], column) - median(half[:len(half) // 4 or 1], column)
            require(grown < max(1.0 * hours, 4), f"the {what} grew by {grown:.1f} MiB in {hours:.2f} h")
        for column, what in ((2, "training"), (4, "server")):
            # A save or a connection has some open for a moment.
            require(median(half, column) <= median(samples[:len(half)], column) + 2, f"descriptors of the {what} grow")
        return {"minutes": round(minutes), "jobs": jobs}


def median(rows, column):
    return sorted(row[column] for row in rows)[len(rows) // 2]


def size_of(process):
    """Resident MiB, open descriptors."""
    status = open(f"/proc/{process}/statm").read().split()
    return int(status[1]) * 4096 / 2**20, len(os.listdir(f"/proc/{process}/fd"))


class CTests(Row):
    """Tests that do the whole row at every size."""
    pattern = ""
    alone = True

    def trial(self, program, folder, number, scale):
        said = run(["ctest", "--test-dir", program.build, "-R", self.pattern, "-j", str(os.cpu_count()),
                    "--output-on-failure"], SOURCE, None, 3600)
        require(said.code == 0 and "No tests were found" not in said.out + said.err, said, said.out[-3000:])
        return {"tests": int(re.search(r"out of (\d+)", said.out).group(1))}


class Hostile(CTests):
    name = "T8"
    title = "named hostile files: safetensors, pickle, zip, configurations, pictures"
    pattern = "Hostile|LyingStream|Pickle.RunsNothing|Bomb|SafetensorsOddities|HugeDimensions"


class Deterministic(CTests):
    name = "T14"
    title = "the same bits for every batch and number of threads"
    pattern = "Determinism|SameWeightsForAnyNumber|SameBytesForEveryBatch|DoesNotDependOn|DoNotDependOn"


class TwoTrainers(CTests):
    name = "T24"
    title = "two trainers on one folder: the second is told who the first is"
    pattern = "ASecondTrainer|FileLock"


class Installed(CTests):
    name = "T26"
    title = "installed into an odd prefix, found by CMake and pkg-config, removed"
    pattern = "installed_library_is_found|embedding_needs"


class Coverage(Row):
    """gcovr over io, base's files, training and parsers."""
    name = "T27"
    title = "coverage of src/io, src/base, src/train, src/data by their tests"
    alone = True

    def set_up(self, program, folder, scale):
        if shutil.which("gcovr") is None:
            raise Skip("there is no gcovr (scripts/setup.sh --torture)")
        if scale == 0:
            raise Skip("builds everything once more")

    def trial(self, program, folder, number, scale):
        jobs = os.cpu_count()
        rooms = ("base", "base_files", "io", "data", "model", "train", "hub", "cli")
        targets = " ".join(f"{room}_test" for room in rooms)
        shell("cmake -S . -B build-coverage -DCMAKE_BUILD_TYPE=Release -DDDIM_BUILD_BENCH=OFF -DCMAKE_UNITY_BUILD=ON "
              "-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DDDIM_COVERED_ROOMS='base;io;data;model;train' >/dev/null && "
              f"cmake --build build-coverage -j {jobs} --target {targets} killable_run >/dev/null")
        shell("find build-coverage -name '*.gcda' -delete")
        for room in rooms:
            shell(f"build-coverage/tests/{room}/{room}_test --gtest_brief=1")
        found = folder / "found.json"
        shell(f"gcovr -r . build-coverage --filter src/ --exclude-throw-branches --exclude-unreachable-branches --json {found}")
        counts = {}
        for what, pattern in (("io", "src/io/"), ("base", "src/base/"), ("train", "src/train/"), ("data", "src/data/"),
                              ("checkpoint", "src/train/checkpoint")):
            shell(f"gcovr -r . -a {found} --filter '{pattern}' --json-summary -o {folder}/{what}.json")
            summary = json.loads((folder / f"{what}.json").read_text())
            counts[f"most % of lines of {what}"] = summary["line_percent"]
            counts[f"most % of branches of {what}"] = summary["branch_percent"]
        return counts


ROWS = (Hostile, Deterministic, Sanitized, Server, Soak, Ranks, TwoTrainers, Installed, Coverage)
