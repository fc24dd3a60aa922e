#!/usr/bin/env python3
"""Saves a small network as training scripts do, lets ddim convert each file, and compares weights.

    python3 tools/check_training_checkpoints.py DDIM

DDIM is the program. Every file and folder is written by PyTorch, diffusers or accelerate's way of
calling them. What `ddim convert` makes of it must hold the average where there is one, bit for bit,
and with --weights raw the other set; what has no weights must be refused by what it is. Exit code 1
otherwise.
"""

import argparse
import enum
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file, save_file

FAILURES = []


class Phase(enum.Enum):
    TRAIN = 1


class Configuration(dict):
    pass


def network(seed):
    torch.manual_seed(seed)
    return UNet2DModel(sample_size=8, block_out_channels=(8, 12), layers_per_block=1, norm_num_groups=4,
                       down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                       up_block_types=("AttnUpBlock2D", "UpBlock2D"))


def trained_by(optimizer_of, unet):
    optimizer = optimizer_of(unet.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        unet(torch.randn(1, 3, 8, 8), 5).sample.pow(2).mean().backward()
        optimizer.step()
    return optimizer


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)


def check(program, name, path, expected, *flags):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        result = run(program, "convert", path, out, *flags)
        problem = result.stderr.strip()
        if result.returncode == 0:
            found = load_file(out / "unet" / "diffusion_pytorch_model.safetensors")
            same = found.keys() == expected.keys() and all(torch.equal(found[k], expected[k]) for k in found)
            problem = "" if same else "other weights"
    print(f"{name}: {'FAILED: ' + problem if problem else 'the same weights'}")
    if problem:
        FAILURES.append(name)


def check_refused(program, name, path, words):
    result = run(program, "info", path)
    good = result.returncode != 0 and words in result.stderr
    print(f"{name}: {'refused: ' + words if good else 'FAILED: ' + result.stderr}")
    if not good:
        FAILURES.append(name)


def main():
    program = sys.argv[1]
    unet = network(1)
    optimizers = {
        "AdamW": trained_by(lambda p: torch.optim.AdamW(p, weight_decay=0.01), unet),
        "SGD": trained_by(lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9), unet),
        "Adam, amsgrad": trained_by(lambda p: torch.optim.Adam(p, amsgrad=True), unet),
        "RMSprop": trained_by(lambda p: torch.optim.RMSprop(p), unet),
    }
    average = network(2)
    plain, averaged = unet.state_dict(), average.state_dict()
    ema = EMAModel(average.parameters(), model_cls=UNet2DModel, model_config=average.config)
    parallel = torch.nn.DataParallel(unet).state_dict()
    compiled = torch.compile(unet).state_dict()

    class Lightning(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model, self.model_ema = unet, average
            self.register_buffer("betas", torch.linspace(1e-4, 0.02, 10))

    swa = torch.optim.swa_utils.AveragedModel(unet)
    swa.module.load_state_dict(averaged)

    one = {  # a single set
        "DataParallel": parallel,
        "torch.compile": compiled,
        "compiled, parallel": torch.nn.DataParallel(torch.compile(unet)).state_dict(),
        "state_dict": {"state_dict": plain, "epoch": 3},
        "model_state_dict": {"model_state_dict": parallel, "loss": 0.25, "epoch": 7},
        "deep": {"checkpoint": {"network": {"weights": plain}}},
        "in double": {"model": {k: v.double() for k, v in plain.items()}},
        "legacy": {"model": plain},
        "list": [plain, {"epoch": 3}],
        "with objects": {"model": plain, "args": argparse.Namespace(lr=1e-4, out=Path("x")), "phase": Phase.TRAIN,
                         "best": numpy.float64(0.5), "step": numpy.int64(7), "random": numpy.random.get_state()},
        "of another dict": {"model": Configuration(plain), "config": Configuration(a=[1, Path("x")])},
        "parameters": dict(unet.named_parameters()),
        **{f"with {name}": {"model": plain, "optimizer": o.state_dict(), "scheduler": {"last_epoch": 2}}
           for name, o in optimizers.items()},
    }
    pairs = {
        "model, ema": {"model": plain, "ema": averaged, "step": 500},
        "EMAModel": {"unet": plain, "ema": ema.state_dict()},
        "AveragedModel": {"model": plain, "swa_model": swa.state_dict()},
        "one module": Lightning().state_dict(),
        "Lightning": {"state_dict": Lightning().state_dict(), "global_step": 9, "optimizer_states": []},
        "parallel, average": {"net": parallel, "net_ema": averaged},
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "f").mkdir()
        unet.save_config(root / "f")
        DDPMScheduler().save_config(root / "f")
        for name, content in {**one, **pairs}.items():
            path = root / "f" / "checkpoint.pt"
            torch.save(content, path, _use_new_zipfile_serialization=name != "legacy")
            if name in one:
                check(program, name, path, plain)
            else:
                check(program, name, path, averaged)
                check(program, name + ", raw", path, plain, "--weights", "raw")
        save_file({k: v.clone() for k, v in parallel.items()}, root / "f" / "parallel.safetensors")
        check(program, "safetensors, DataParallel", root / "f" / "parallel.safetensors", plain)

        # accelerate's checkpoint-N as examples/unconditional_image_generation saves it.
        checkpoint = root / "run" / "checkpoint-500"
        ema.save_pretrained(checkpoint / "unet_ema")
        unet.save_pretrained(checkpoint / "unet")
        torch.save(optimizers["AdamW"].state_dict(), checkpoint / "optimizer.bin")
        given = ("--schedule", "linear")
        check(program, "accelerate", checkpoint, averaged, *given)
        check(program, "accelerate, raw", checkpoint, plain, "--weights", "raw", *given)
        DDPMScheduler(beta_schedule="squaredcos_cap_v2").save_pretrained(root / "run" / "scheduler")
        check(program, "accelerate, finished", checkpoint, averaged)
        check(program, "accelerate, unet", checkpoint / "unet", plain)
        check_refused(program, "optimizer.bin", checkpoint / "optimizer.bin", "the state of an optimizer")
        torch.save(unet, root / "whole.pt")
        check_refused(program, "torch.save(model)", root / "whole.pt", "an object of diffusers.")
        torch.save(ema.state_dict(), root / "ema.pt")
        check_refused(program, "EMAModel alone", root / "ema.pt", "EMAModel")

        # And back: unet_ema/ as EMAModel loads it, old names as diffusers loads them.
        both = root / "both"
        result = run(program, "convert", checkpoint, both, "--unet-ema", "--old-attention-names")
        if result.returncode != 0:
            print(result.stderr)
            FAILURES.append("--unet-ema")
        else:
            loaded = EMAModel.from_pretrained(both / "unet_ema", UNet2DModel)
            back = all(torch.equal(a, b) for a, b in zip(loaded.shadow_params, average.parameters()))
            old = load_file(both / "unet" / "diffusion_pytorch_model.safetensors")
            named = any(".query." in k for k in old) and not any(".to_q." in k for k in old)
            loads = UNet2DModel.from_pretrained(both / "unet").state_dict()
            same = all(torch.equal(loads[k], plain[k]) for k in plain)
            print(f"--unet-ema: average {back}, old names {named}, loaded {same}, "
                  f"{loaded.optimization_step} updates")
            if not (back and named and same and loaded.optimization_step == 500):
                FAILURES.append("--unet-ema")
    print(f"{len(FAILURES)} failed")
    sys.exit(1 if FAILURES else 0)


main()
