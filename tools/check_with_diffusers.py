#!/usr/bin/env python3
"""Loads a model that ddim wrote into the diffusers package and compares what both compute.

    python3 tools/check_with_diffusers.py FOLDER RESULTS.safetensors

RESULTS holds ddim's x [N,C,H,W], t [N] and eps, x_T, for some S the samples x_0.S of S steps of
DDIMScheduler as the folder's scheduler file has it, and, where the network wants them, classes [N].
Prints the largest differences; exit code 1 when eps differs by more than 1e-5 or a sample by more
than 1e-4.
"""

import sys

import diffusers
import torch
from safetensors.torch import load_file


@torch.no_grad()
def main():
    folder, results = sys.argv[1], load_file(sys.argv[2])
    pipeline = diffusers.DDIMPipeline.from_pretrained(folder)
    unet = pipeline.unet.eval()
    labels = {}
    if "classes" in results:
        labels["class_labels"] = results["classes"].long()
    worst = (unet(results["x"], results["t"].long(), **labels).sample - results["eps"]).abs().max().item()
    print(f"eps {worst:.2e}", end="")
    failed = not worst <= 1e-5
    for name in results:
        if not name.startswith("x_0."):
            continue
        scheduler = pipeline.scheduler
        scheduler.set_timesteps(int(name[4:]))
        x = results["x_T"]
        for t in scheduler.timesteps:
            x = scheduler.step(unet(x, t, **labels).sample, t, x, eta=0.0).prev_sample
        worst = (x - results[name]).abs().max().item()
        print(f", {name} {worst:.2e}", end="")
        failed = failed or not worst <= 1e-4
    print()
    sys.exit(1 if failed else 0)


main()
