"""What an NVIDIA GPU reaches, and the CIFAR-10 network on it by PyTorch: called by scripts/gpu_check.sh.

    python3 bench/compare/gpu.py ceilings    copies of memory, and a large product of bf16 matrices
    python3 bench/compare/gpu.py network     a step of the network: bf16, channels_last, torch.compile with CUDA graphs
    python3 bench/compare/gpu.py training    a step of its training: bf16, Adam, an average of the weights

With --rehearse it does the same in small on a CPU, to see that it works.
"""

import argparse
import pathlib
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from unet import UNet  # noqa: E402

GPU = {"device": "cuda", "floats": 1 << 30, "matrix": 8192, "channels": [128, 256, 256, 256], "batches": (1, 16, 64, 256),
       "side": 32, "training_batch": 128, "repetitions": 10, "compile": {"mode": "reduce-overhead"}}  # fmt: skip
REHEARSAL = {"device": "cpu", "floats": 1 << 16, "matrix": 64, "channels": [32, 32], "batches": (1, 2), "side": 8,
             "training_batch": 2, "repetitions": 1, "compile": {"backend": "eager"}}  # fmt: skip


def seconds(run, size):
    """The median of a call: by events of the GPU, or by the clock on a CPU."""
    for _ in range(3 if size["device"] == "cuda" else 1):
        run()
    times = []
    for _ in range(size["repetitions"]):
        if size["device"] == "cpu":
            began = time.perf_counter()
            run()
            times.append(time.perf_counter() - began)
            continue
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) * 1e-3)
    return statistics.median(times)


def ceilings(size):
    x = torch.randn(size["floats"], device=size["device"])
    y = torch.empty_like(x)
    copied = 2 * x.numel() * 4 / seconds(lambda: y.copy_(x), size)
    print(f"copy: {copied * 1e-9:.0f} GB/s, read and written")
    n = size["matrix"]
    a, b = (torch.randn(n, n, device=size["device"], dtype=torch.bfloat16) for _ in range(2))
    print(f"{n}^3 in bf16: {2 * n**3 / seconds(lambda: a @ b, size) * 1e-12:.0f} TFLOP/s")


def pictures(batch, size):
    x = torch.randn(batch, 3, size["side"], size["side"], device=size["device"], dtype=torch.bfloat16)
    t = torch.full((batch,), 500.0, device=size["device"], dtype=torch.bfloat16)
    return x.to(memory_format=torch.channels_last), t


def say(what, batch, step, began):
    print(f"PyTorch {what}, bf16, batch {batch}: {step * 1e6 / batch:.1f} us per image and step, "
          f"{step * 1e3:.3f} ms a step (after {time.time() - began:.0f} s)", flush=True)


def network(size):
    unet = UNet(size["channels"], 2, {1}).to(size["device"], torch.bfloat16, memory_format=torch.channels_last).eval()
    began = time.time()
    for mode in ("eager", "compiled"):
        run = unet if mode == "eager" else torch.compile(unet, **size["compile"])
        for batch in size["batches"]:
            x, t = pictures(batch, size)
            with torch.no_grad():
                step = seconds(lambda: run(x, t), size)
            say(mode, batch, step, began)


def training(size):
    unet = UNet(size["channels"], 2, {1}, dropout=0.1).to(size["device"], memory_format=torch.channels_last).train()
    average = [p.detach().clone() for p in unet.parameters()]
    optimizer = torch.optim.Adam(unet.parameters(), lr=2e-4, fused=size["device"] == "cuda")
    began = time.time()
    for mode in ("eager", "compiled"):
        compiled = {"mode": "default"} if "mode" in size["compile"] else size["compile"]
        run = unet if mode == "eager" else torch.compile(unet, **compiled)
        x, t = pictures(size["training_batch"], size)
        noise = torch.randn_like(x)

        def step():
            with torch.autocast(size["device"], dtype=torch.bfloat16):
                loss = (run(x.float(), t.float()) - noise).square().sum() / len(x)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            torch._foreach_lerp_(average, [p.detach() for p in unet.parameters()], 1e-4)

        say(f"training {mode}", size["training_batch"], seconds(step, size), began)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("ceilings", "network", "training"))
    parser.add_argument("--rehearse", action="store_true", help="in small, on a CPU")
    arguments = parser.parse_args()
    measure = {"ceilings": ceilings, "network": network, "training": training}[arguments.what]
    if arguments.rehearse:
        torch.set_num_threads(1)
    measure(REHEARSAL if arguments.rehearse else GPU)
