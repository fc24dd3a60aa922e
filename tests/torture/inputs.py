"""What every row needs: small pictures, configurations, and runs of the program."""
import hashlib
import os
import pathlib
import signal
import struct
import subprocess
import tempfile
import time
import zlib

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Failure(Exception):
    """A promise that was not kept: the trial counts as failed."""


class Skip(Exception):
    """The row cannot run on this machine; the text says why."""


def require(condition, *words):
    if not condition:
        raise Failure(" ".join(str(word) for word in words))


class Outcome:
    """How a process ended. `code` is negative for a signal, as in subprocess."""

    def __init__(self, command, code, out, err, usage, seconds):
        self.command, self.code, self.out, self.err = command, code, out, err
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_mib = usage.ru_maxrss / 1024
        self.seconds = seconds

    def __str__(self):
        return f"{self.command}\n  exit {self.code}: {self.err.strip()[-1500:]}"


class Program:
    """The built program, run in a folder of its own."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.path = self.build / "ddim"
        self.failing_calls = self.build / "tests/torture/libddim_failing_calls.so"
        self.failing_new = self.build / "tests/cli/libddim_failing_new.so"

    def start(self, arguments, folder, environment=None, log=None):
        """Starts `ddim ARGUMENTS` in `folder`; what it says is added to folder/log (default "log")."""
        with open(folder / (log or "log"), "ab") as file:
            return subprocess.Popen([self.path, *arguments.split()], cwd=folder, stdin=subprocess.DEVNULL,
                                    stdout=file, stderr=file, env=environment_with(environment))

    def run(self, arguments, folder, environment=None, seconds=120):
        return run([str(self.path), *arguments.split()], folder, environment, seconds)


def environment_with(more):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DDIM_")}
    environment.update({"LC_ALL": "C", "DDIM_THREADS": "1", **(more or {})})
    return environment


def run(command, folder=None, environment=None, seconds=120):
    """Runs a command to its end; one that takes longer is killed, and is a Failure."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env=environment_with(environment))
        code = usage = None
        while code is None:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid != 0:
                code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() - began > seconds:
                process.kill()
                os.wait4(process.pid, 0)
                process.returncode = -9
                raise Failure(f"{' '.join(map(str, command))}: still running after {seconds} s")
            else:
                time.sleep(0.002)
        process.returncode = code
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return Outcome(" ".join(map(str, command)), code, *texts, usage, time.monotonic() - began)


def png(width, height, pixels, depth=8, kind=2):
    """The bytes of a PNG file; `pixels` are all rows without filter bytes. Kind 2 is RGB, 6 RGBA."""
    row = len(pixels) // height
    raw = b"".join(b"\0" + pixels[y * row:(y + 1) * row] for y in range(height))
    return png_of(width, height, zlib.compress(raw, 1), depth, kind)


def png_of(width, height, compressed, depth=8, kind=2):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)) +
            chunk(b"IDAT", compressed) + chunk(b"IEND", b""))


def write_pictures(folder, count, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(first, first + count):
        pixels = bytes((31 * k + 7 * i) % 256 for i in range(8 * 8 * 3))
        (folder / f"{k}.png").write_bytes(png(8, 8, pixels))


SMALL = "block_out_channels = [8, 16]\nnorm_num_groups = 4\nattention_levels = [1]"
TINY = "block_out_channels = [4]\nnorm_num_groups = 2\nattention_levels = []"
OFFICIAL = "block_out_channels = [32, 64]\nattention_levels = [1]"  # what the official code can read


def write_config(path, steps, save_every, more_training="", more_output="", network=SMALL):
    """A network of a few thousand parameters, all of a training step in it."""
    path.write_text(f"""[model]
channels = 3
{network}
layers_per_block = 1
dropout = 0.1
[data]
resolution = 8
flip = true
[training]
batch = 4
shards = 2
steps = {steps}
warmup_steps = 5
seed = 11
{more_training}
[output]
checkpoint_every_steps = {save_every}
log_every_steps = 1
{more_output}
""")


def has_begun(run_folder):
    """Whether there is a run to resume: one that begins from a model has a checkpoint first."""
    return (run_folder / "config.toml").exists() or bool(checkpoints_of(run_folder))


def hash_of(checkpoint):
    """SHA-256 of all that a checkpoint holds of a training."""
    digest = hashlib.sha256()
    for name in ("state.safetensors", "unet/diffusion_pytorch_model.safetensors"):
        digest.update((checkpoint / name).read_bytes())
    return digest.hexdigest()


def checkpoints_of(run_folder):
    """step -> folder, of those with their final name."""
    folder = run_folder / "checkpoints"
    if not folder.is_dir():
        return {}
    return {int(entry.name[5:]): entry for entry in folder.iterdir()
            if entry.name.startswith("step-") and entry.name[5:].isdigit()}


def leftovers_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.tmp-*"))


def steps_in_metrics(run_folder):
    lines = (run_folder / "metrics.csv").read_text().splitlines()[1:]
    return [int(line.split(",")[0]) for line in lines]


def floats_are_finite(path):
    """Of a safetensors file whose tensors are F32."""
    data = path.read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    return all(value & 0x7f800000 != 0x7f800000
               for value in struct.unpack(f"<{(len(data) - begin) // 4}I", data[begin:]))


class Reference:
    """A training that nothing interrupted: what it holds after each of its steps."""

    def __init__(self, program, folder, steps, network=SMALL, name="whole", flags=""):
        self.steps = steps
        self.data = folder / "data"
        write_pictures(self.data, 8)
        config = folder / f"{name}.toml"
        before = config.read_text() if config.exists() else ""
        write_config(config, steps, 1, more_output=f"keep_checkpoints = {steps + 1}",
                     network=network)
        run_folder = folder / name
        if config.read_text() != before or not run_folder.is_dir() or max(checkpoints_of(run_folder), default=0) < steps:
            subprocess.run(["rm", "-rf", run_folder], check=True)
            outcome = program.run(f"train {name}.toml --data data --out {name} --quiet {flags}", folder)
            require(outcome.code == 0, "the reference:", outcome)
        self.hashes = {step: hash_of(path) for step, path in checkpoints_of(run_folder).items()}

    def require_equal(self, run_folder, step=None):
        """The newest checkpoint (or that of a step) is bit for bit the reference's."""
        found = checkpoints_of(run_folder)
        newest = max(found, default=0) if step is None else step
        require(newest in found, run_folder, "has no checkpoint of step", newest)
        if newest == 0 and newest not in self.hashes:  # ended before its first step
            return 0
        require(hash_of(found[newest]) == self.hashes[newest], f"step {newest} differs from the reference")
        return newest


SIGNALS = {signal.SIGTERM: 0, signal.SIGINT: 130, signal.SIGUSR1: 0, signal.SIGUSR2: 0, signal.SIGHUP: 0,
           signal.SIGXFSZ: 0, signal.SIGPIPE: None}
