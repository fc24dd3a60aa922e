"""What an NVIDIA GPU reaches, and the CIFAR-10 network on it by PyTorch: called by scripts/gpu_check.sh.

    python3 bench/compare/gpu.py ceilings    copies of memory, and a large product of bf16 matrices
    python3 bench/compare/gpu.py network     a step of the network: bf16, channels_last, torch.compile with CUDA graphs
"""

import pathlib
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from unet import UNet  # noqa: E402


def seconds(run, repetitions):
    """The median of a call, by events of the GPU."""
    for _ in range(3):
        run()
    times = []
    for _ in range(repetitions):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) * 1e-3)
    return statistics.median(times)


def ceilings():
    x = torch.randn(1 << 30, device="cuda")
    y = torch.empty_like(x)
    print(f"copy: {2 * x.numel() * 4 / seconds(lambda: y.copy_(x), 10) * 1e-9:.0f} GB/s, read and written")
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    print(f"8192^3 in bf16: {2 * 8192**3 / seconds(lambda: a @ b, 10) * 1e-12:.0f} TFLOP/s")


def network():
    unet = UNet([128, 256, 256, 256], 2, {1}).cuda().to(torch.bfloat16, memory_format=torch.channels_last).eval()
    began = time.time()
    for mode in ("eager", "compiled"):
        run = unet if mode == "eager" else torch.compile(unet, mode="reduce-overhead")
        for batch in (1, 16, 64, 256):
            x = torch.randn(batch, 3, 32, 32, device="cuda", dtype=torch.bfloat16)
            x = x.to(memory_format=torch.channels_last)
            t = torch.full((batch,), 500.0, device="cuda", dtype=torch.bfloat16)
            with torch.no_grad():
                step = seconds(lambda: run(x, t), 10)
            print(f"PyTorch {mode}, bf16, batch {batch}: {step * 1e6 / batch:.1f} us per image and step, "
                  f"{step * 1e3:.3f} ms a step (after {time.time() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    {"ceilings": ceilings, "network": network}[sys.argv[1]]()
