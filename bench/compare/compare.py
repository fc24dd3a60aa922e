"""Times one network in ddim and in its peers, interleaved in one run, and writes table.md, results.json and chart.svg.

Every contender gets the same random weights and input; before anything is timed, its output is compared with that of PyTorch
in double precision. A round times each contender once; what is shown are medians over the rounds, in milliseconds per image.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

NETWORKS = {
    "cifar10": dict(size=32, channels=[128, 256, 256, 256], attention=[1]),
    "celeba64": dict(size=64, channels=[128, 256, 256, 256, 512], attention=[2]),
    "lsun256": dict(size=256, channels=[128, 128, 256, 256, 512, 512], attention=[4]),
}
T, BETA_START, BETA_END = 1000, 1e-4, 0.02
TIMED_T = T - 1  # what a plan of one step visits


def write_model(folder, network, state):
    """A diffusers folder with these weights."""
    from safetensors.torch import save_file

    num_levels = len(network["channels"])
    attention = set(network["attention"])
    down = ["AttnDownBlock2D" if i in attention else "DownBlock2D" for i in range(num_levels)]
    up = ["AttnUpBlock2D" if i in attention else "UpBlock2D" for i in reversed(range(num_levels))]
    files = {
        "model_index.json": {"_class_name": "DDIMPipeline", "_diffusers_version": "0.31.0",
                             "scheduler": ["diffusers", "DDIMScheduler"], "unet": ["diffusers", "UNet2DModel"]},
        "scheduler/scheduler_config.json": {"_class_name": "DDIMScheduler", "num_train_timesteps": T,
                                            "beta_start": BETA_START, "beta_end": BETA_END,
                                            "beta_schedule": "linear", "clip_sample": False},
        "unet/config.json": {"_class_name": "UNet2DModel", "sample_size": network["size"], "in_channels": 3,
                             "out_channels": 3, "layers_per_block": 2, "block_out_channels": network["channels"],
                             "down_block_types": down, "up_block_types": up, "norm_num_groups": 32, "norm_eps": 1e-6,
                             "attention_head_dim": None, "downsample_padding": 0, "flip_sin_to_cos": False,
                             "freq_shift": 1},
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2))
    save_file(state, folder / "unet" / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})


class Ours:
    """The program itself; every round is a run of `ddim bench`."""

    def __init__(self, args, folder, precision):
        self.args, self.folder, self.precision = args, folder, precision

    def flags(self):
        return [] if self.precision == "fp32" else ["--precision", self.precision]

    def eps(self, x):
        """From one step of the sampler: x_0 = (x - sqrt(1 - alpha_bar) eps) / sqrt(alpha_bar)."""
        import numpy as np
        from safetensors.numpy import load_file, save_file

        noise, out = self.args.out / "x_T.safetensors", self.args.out / "x_0.safetensors"
        save_file({"x_T": x}, noise)
        subprocess.run([self.args.program, "sample", "--model", self.folder, "--steps", "1", "--noise", noise, "--quiet",
                        "--save-tensors", out, "--out", self.args.out / "eps.png", "--overwrite", "--threads",
                        str(self.args.threads), *self.flags()], check=True, stdout=subprocess.DEVNULL)
        alpha_bar = np.prod(1.0 - np.linspace(BETA_START, BETA_END, T))
        x_0 = load_file(out)["x_0"].astype(np.float64)
        return (x.astype(np.float64) - np.sqrt(alpha_bar) * x_0) / np.sqrt(1.0 - alpha_bar)

    def time(self, batch, train):
        command = [self.args.program, "bench", "--model", self.folder, "--batch", str(batch), "--threads",
                   str(self.args.threads), "--repetitions", "3", "--json", *self.flags()]
        result = json.loads(subprocess.run(command + (["--train"] if train else []), check=True, capture_output=True,
                                           text=True).stdout)
        return result["median_ms"]


class Torch:
    def __init__(self, args, make_net, precision, compiled):
        import torch

        self.torch, self.precision = torch, precision
        self.net = make_net().eval()
        if precision == "bf16":
            self.net = self.net.to(memory_format=torch.channels_last)
        self.run = torch.compile(self.net) if compiled else self.net
        self.optimizer = None
        self.inputs = {}

    def autocast(self):
        return self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.precision == "bf16")

    def input(self, batch):
        if batch not in self.inputs:
            x = self.torch.randn(batch, 3, self.net.size, self.net.size)
            if self.precision == "bf16":
                x = x.to(memory_format=self.torch.channels_last)
            self.inputs[batch] = x, self.torch.full((batch,), TIMED_T)
        return self.inputs[batch]

    def eps(self, x):
        with self.torch.inference_mode(), self.autocast():
            t = self.torch.full((len(x),), TIMED_T)
            return self.run(self.torch.from_numpy(x), t).float().numpy()

    def step(self, batch):
        x, t = self.input(batch)
        with self.torch.inference_mode(), self.autocast():
            self.run(x, t)

    def train_step(self, batch):
        """Loss, gradients, clipping at norm 1, Adam, moving average: what a step of `ddim train` does."""
        torch = self.torch
        parameters = list(self.net.parameters())
        if self.optimizer is None:
            self.net.train()
            self.optimizer = torch.optim.Adam(parameters, lr=2e-4)
            self.average = [p.detach().clone() for p in parameters]
        x, t = self.input(batch)
        target = torch.randn_like(x)
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            eps = self.run(x, t)
        torch.nn.functional.mse_loss(eps.float(), target).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimizer.step()
        torch._foreach_lerp_(self.average, [p.detach() for p in parameters], 1e-4)

    def time(self, batch, train):
        return best_of(lambda: self.train_step(batch) if train else self.step(batch), batch)


class OpenVino:
    def __init__(self, args, make_net, precision):
        import openvino
        import torch

        self.torch, self.compiled = torch, {}
        self.core, self.net, self.convert = openvino.Core(), make_net().eval(), openvino.convert_model
        self.options = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
                        "INFERENCE_NUM_THREADS": args.threads, "PERFORMANCE_HINT": "LATENCY"}

    def request(self, batch):
        if batch not in self.compiled:
            example = (self.torch.randn(batch, 3, self.net.size, self.net.size), self.torch.full((batch,), TIMED_T))
            model = self.convert(self.net, example_input=example,
                                 input=[(list(example[0].shape)), (list(example[1].shape))])
            self.compiled[batch] = self.core.compile_model(model, "CPU", self.options).create_infer_request()
            self.compiled[batch].infer([e.numpy() for e in example])
        return self.compiled[batch]

    def eps(self, x):
        import numpy as np
        request = self.request(len(x))
        request.infer([x, np.full(len(x), TIMED_T)])
        return request.get_output_tensor().data.copy()

    def time(self, batch, train):
        request = self.request(batch)
        return best_of(request.infer, batch)


class OnnxRuntime:
    def __init__(self, args, make_net):
        import torch

        self.torch, self.args, self.net, self.sessions = torch, args, make_net().eval(), {}

    def session(self, batch):
        import onnxruntime

        if batch not in self.sessions:
            example = (self.torch.randn(batch, 3, self.net.size, self.net.size), self.torch.full((batch,), TIMED_T))
            path = self.args.out / f"unet-{self.net.size}-{batch}.onnx"
            self.torch.onnx.export(self.net, example, str(path), input_names=["x", "t"], output_names=["eps"])
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.args.threads
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self.sessions[batch] = session, {"x": example[0].numpy(), "t": example[1].numpy()}
        return self.sessions[batch]

    def eps(self, x):
        import numpy as np
        session, _ = self.session(len(x))
        return session.run(None, {"x": x, "t": np.full(len(x), TIMED_T)})[0]

    def time(self, batch, train):
        session, feed = self.session(batch)
        return best_of(lambda: session.run(None, feed), batch)


def best_of(run, batch, repetitions=3):
    """Milliseconds per image: the median of a few calls after one that is not counted."""
    run()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000.0 * statistics.median(times) / batch


def relative_error(eps, reference):
    import numpy as np
    return float(np.linalg.norm(eps - reference) / np.linalg.norm(reference))


def make_contenders(args, make_net, folder):
    makers = {
        "ddim fp32": lambda: Ours(args, folder, "fp32"),
        "ddim bf16": lambda: Ours(args, folder, "bf16"),
        "PyTorch eager fp32": lambda: Torch(args, make_net, "fp32", compiled=False),
        "PyTorch compile fp32": lambda: Torch(args, make_net, "fp32", compiled=True),
        "OpenVINO fp32": lambda: OpenVino(args, make_net, "fp32"),
        "ONNX Runtime fp32": lambda: OnnxRuntime(args, make_net),
        "PyTorch eager bf16": lambda: Torch(args, make_net, "bf16", compiled=False),
        "PyTorch compile bf16": lambda: Torch(args, make_net, "bf16", compiled=True),
        "OpenVINO bf16": lambda: OpenVino(args, make_net, "bf16"),
    }
    unknown = set(args.only or []) - set(makers)
    if unknown:
        sys.exit(f"compare: no contender named {sorted(unknown)}; known: {', '.join(makers)}")
    help_text = subprocess.run([args.program, "bench", "--help"], capture_output=True, text=True).stdout
    if "--precision" not in help_text:
        del makers["ddim bf16"]
    return {name: make() for name, make in makers.items() if not args.only or name in args.only}


def measure(args, contenders, batch, train):
    """name -> milliseconds per image, one per round."""
    times = {name: [] for name in contenders}
    for contender in contenders.values():
        contender.time(batch, train)  # compiles, packs, warms up
    for round_ in range(args.rounds):
        for name, contender in contenders.items():
            times[name].append(contender.time(batch, train))
        print(f"  round {round_ + 1} of {args.rounds}: " +
              ", ".join(f"{name} {t[-1]:.1f}" for name, t in times.items()), flush=True)
    return times


def table(results):
    workloads = list(results["workloads"])
    names = list(results["errors"])
    lines = ["| | " + " | ".join(workloads) + " | relative error of eps |", "|---" * (len(workloads) + 2) + "|"]
    for name in names:
        cells = []
        for workload in workloads:
            times = results["workloads"][workload].get(name)
            cells.append(f"{statistics.median(times):.1f}" if times else "-")
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {results['errors'][name]:.1e} |")
    for precision in ("fp32", "bf16"):
        ours = f"ddim {precision}"
        if ours not in names:
            continue
        cells = []
        for workload in workloads:
            times = results["workloads"][workload]
            peers = [statistics.median(t) for n, t in times.items() if n.endswith(precision) and not n.startswith("ddim")]
            cells.append(f"{min(peers) / statistics.median(times[ours]):.2f}x" if peers and ours in times else "-")
        lines.append(f"| **{ours} against the fastest {precision} peer** | " + " | ".join(cells) + " | |")
    return "\n".join(lines) + "\n"


def chart(results):
    """Bars, shorter is faster, one group a workload."""
    width, label, bar, gap = 760, 190, 16, 26
    rows, y, most = [], 10, max(statistics.median(t) for w in results["workloads"].values() for t in w.values())
    for workload, times in results["workloads"].items():
        y += gap
        rows.append(f'<text x="4" y="{y - 6}" font-weight="bold">{workload}, ms per image</text>')
        for name, values in times.items():
            median = statistics.median(values)
            length = (width - label - 70) * median / most
            colour = "#c0392b" if name.startswith("ddim") else "#7f8c8d"
            rows.append(f'<text x="{label - 8}" y="{y + 12}" text-anchor="end">{name}</text>'
                        f'<rect x="{label}" y="{y}" width="{length:.1f}" height="{bar - 3}" fill="{colour}"/>'
                        f'<text x="{label + length + 5:.1f}" y="{y + 12}">{median:.1f}</text>')
            y += bar
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 10}" font-family="sans-serif" '
            f'font-size="12"><rect width="100%" height="100%" fill="white"/>' + "".join(rows) + "</svg>\n")


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--network", choices=NETWORKS, default="cifar10")
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--train-batch", type=int, default=32, help="0: no training")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", help="these contenders")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    warnings.filterwarnings("ignore")

    import numpy as np
    import torch
    from unet import UNet

    torch.set_num_threads(args.threads)
    network = NETWORKS[args.network]
    torch.manual_seed(0)
    original = UNet(network["channels"], 2, network["attention"])
    state = {name: value.contiguous() for name, value in original.state_dict().items()}
    folder = args.out / args.network
    write_model(folder, network, state)

    def make_net():
        net = UNet(network["channels"], 2, network["attention"])
        net.load_state_dict(state)
        net.size = network["size"]
        return net

    num_parameters = sum(p.numel() for p in original.parameters())
    print(f"{args.network}: {num_parameters:,} parameters; {processor()}, {args.threads} threads", flush=True)
    contenders = make_contenders(args, make_net, folder)

    x = np.random.default_rng(0).standard_normal((2, 3, network["size"], network["size"])).astype(np.float32)
    with torch.inference_mode():
        reference = make_net().double()(torch.from_numpy(x).double(), torch.full((2,), TIMED_T)).numpy()
    errors = {}
    for name, contender in contenders.items():
        errors[name] = relative_error(contender.eps(x), reference)
        print(f"  {name}: relative error of eps {errors[name]:.1e}", flush=True)
        if not errors[name] < 5e-2:
            sys.exit(f"compare: {name} does not compute this network")

    workloads = {}
    for batch in args.batches:
        workloads[f"sampling, batch {batch}"] = measure(args, contenders, batch, train=False)
    if args.train_batch:
        trainable = {n: c for n, c in contenders.items() if isinstance(c, (Ours, Torch))}
        workloads[f"training, batch {args.train_batch}"] = measure(args, trainable, args.train_batch, train=True)

    versions = {name: sys.modules[name].__version__ for name in ("torch", "openvino", "onnxruntime") if name in sys.modules}
    results = {"network": args.network, "processor": processor(), "threads": args.threads, "rounds": args.rounds,
               "versions": versions, "errors": errors, "workloads": workloads}
    (args.out / "results.json").write_text(json.dumps(results, indent=2))
    (args.out / "table.md").write_text(table(results))
    (args.out / "chart.svg").write_text(chart(results))
    print(table(results))


if __name__ == "__main__":
    main()
