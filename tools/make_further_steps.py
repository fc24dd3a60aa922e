#!/usr/bin/env python3
"""Three more training steps of the golden network `micro`, from its official checkpoint.

    python3 tools/make_further_steps.py GOLDENS/micro tests/golden/micro/further3.safetensors

GOLDENS/micro holds ckpt.pth and the whole after3.safetensors. The network of the paper's code is
written anew here; before it is used it must give the eps of forward.safetensors, and from
unet.safetensors the parameters that the official code had after its three steps. Then the same
three batches are taken again, from the weights, Adam's state and average of ckpt.pth. The result is
thinned as the other files of tests/golden/micro are.
"""
import json
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

STRIDE = 101
KEEP_WHOLE = 2048


def embedding(t, channels):
    half = channels // 2
    frequencies = torch.exp(torch.arange(half) * -(torch.log(torch.tensor(10000.0)) / (half - 1)))
    angles = t.float()[:, None] * frequencies[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Network:
    """eps(x, t) of the official code, from a dictionary of its parameters."""

    def __init__(self, config):
        model = config["model"]
        self.channels, self.levels = model["ch"], len(model["ch_mult"])
        self.blocks = model["num_res_blocks"]

    def __call__(self, p, x, t):
        def conv(name, h, **kwargs):
            return F.conv2d(h, p[f"{name}.weight"], p[f"{name}.bias"], **kwargs)

        def norm(name, h):
            return F.group_norm(h, 32, p[f"{name}.weight"], p[f"{name}.bias"], 1e-6)

        def dense(name, h):
            return F.linear(h, p[f"{name}.weight"], p[f"{name}.bias"])

        def block(name, h):
            r = conv(f"{name}.conv1", F.silu(norm(f"{name}.norm1", h)), padding=1)
            r = r + dense(f"{name}.temb_proj", F.silu(temb))[:, :, None, None]
            r = conv(f"{name}.conv2", F.silu(norm(f"{name}.norm2", r)), padding=1)
            return (conv(f"{name}.nin_shortcut", h) if f"{name}.nin_shortcut.weight" in p else h) + r

        def attention(name, h):
            n, c, height, width = h.shape
            r = norm(f"{name}.norm", h)
            q, k, v = (conv(f"{name}.{part}", r).reshape(n, c, -1) for part in "qkv")
            w = torch.softmax(torch.bmm(q.transpose(1, 2), k) * c ** -0.5, dim=2)
            r = torch.bmm(v, w.transpose(1, 2)).reshape(n, c, height, width)
            return h + conv(f"{name}.proj_out", r)

        temb = dense("temb.dense.1", F.silu(dense("temb.dense.0", embedding(t, self.channels))))
        skips = [conv("conv_in", x, padding=1)]
        for level in range(self.levels):
            for i in range(self.blocks):
                h = block(f"down.{level}.block.{i}", skips[-1])
                if f"down.{level}.attn.{i}.q.weight" in p:
                    h = attention(f"down.{level}.attn.{i}", h)
                skips.append(h)
            if level != self.levels - 1:
                h = F.pad(skips[-1], (0, 1, 0, 1))
                skips.append(conv(f"down.{level}.downsample.conv", h, stride=2))
        h = block("mid.block_2", attention("mid.attn_1", block("mid.block_1", skips[-1])))
        for level in reversed(range(self.levels)):
            for i in range(self.blocks + 1):
                h = block(f"up.{level}.block.{i}", torch.cat([h, skips.pop()], dim=1))
                if f"up.{level}.attn.{i}.q.weight" in p:
                    h = attention(f"up.{level}.attn.{i}", h)
            if level != 0:
                h = F.interpolate(h, scale_factor=2.0, mode="nearest")
                h = conv(f"up.{level}.upsample.conv", h, padding=1)
        return conv("conv_out", F.silu(norm("norm_out", h)), padding=1)


def three_steps(network, config, batches, parameters, adam_state, average):
    diffusion = config["diffusion"]
    betas = torch.linspace(diffusion["beta_start"], diffusion["beta_end"],
                           diffusion["num_diffusion_timesteps"], dtype=torch.float64).float()
    alpha_bar = (1 - torch.cat([torch.zeros(1), betas])).cumprod(dim=0)
    names = list(parameters)
    parameters = {name: torch.nn.Parameter(parameters[name].clone()) for name in names}
    optimizer = torch.optim.Adam(parameters.values(), lr=2e-4, betas=(0.9, 0.999), eps=1e-8)
    if adam_state is not None:
        optimizer.load_state_dict(adam_state)
    average = {name: average[name].clone() for name in names}
    for k in range(3):
        x0, eps, t = (batches[f"{k}.{part}"] for part in ("x0", "eps", "t"))
        a = alpha_bar.index_select(0, t + 1).view(-1, 1, 1, 1)
        x = x0 * a.sqrt() + eps * (1.0 - a).sqrt()
        loss = (eps - network(parameters, x, t)).square().sum(dim=(1, 2, 3)).mean(dim=0)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        for name in names:
            average[name] = (1.0 - 0.9999) * parameters[name].data + 0.9999 * average[name]
    return {name: parameters[name].detach() for name in names}, average


def farthest(found, expected):
    """The largest mean distance of a tensor, k.bias aside, which means nothing (README.md there)."""
    return max((found[name] - expected[name]).abs().mean().item()
               for name in found if not name.endswith(".k.bias"))


def thinned(tensor):
    flat = tensor.reshape(-1)
    return tensor.contiguous() if flat.numel() <= KEEP_WHOLE else flat[::STRIDE].contiguous()


def main():
    folder, output = sys.argv[1:]
    config = json.load(open(f"{folder}/config.json"))
    batches = load_file(f"{folder}/training.safetensors")
    network = Network(config)
    initial = load_file(f"{folder}/unet.safetensors")
    golden = load_file(f"{folder}/forward.safetensors")
    with torch.no_grad():
        error = (network(initial, golden["x"], golden["t"]) - golden["eps"]).abs().max().item()
    assert error < 1e-5, f"the network is not the official one: {error}"

    model, adam, epoch, step, average = torch.load(f"{folder}/ckpt.pth")
    names = [name.removeprefix("module.") for name in model]
    official = {name: model[f"module.{name}"] for name in names}
    again, _ = three_steps(network, config, batches, {name: initial[name] for name in names}, None,
                           initial)
    moved = farthest(official, initial)
    assert farthest(again, official) < 0.005 * moved, "the steps are not the official ones"

    further, further_average = three_steps(network, config, batches, official, adam, average)
    print(f"forward off by {error:.2g}; the first three steps by {farthest(again, official):.2g} "
          f"of {moved:.2g}; the next three move by {farthest(further, official):.2g}")
    tensors = {name: thinned(tensor) for name, tensor in further.items()}
    tensors |= {f"ema.{name}": thinned(tensor) for name, tensor in further_average.items()}
    save_file(tensors, output, metadata={"stride": str(STRIDE)})


main()
