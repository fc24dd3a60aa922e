#!/usr/bin/env python3
"""Writes the small files of PyTorch in tests/io/torch, with PyTorch itself.

    python3 tools/make_torch_fixtures.py tests/io/torch

Every value is a function of its place, so the tests know what to expect:
weight[i] = i - 2.5 for element i in row-major order.
"""
import collections
import sys
import torch


def numbers(*shape, dtype=torch.float32):
    count = 1
    for dim in shape:
        count *= dim
    return (torch.arange(count, dtype=torch.float64) - 2.5).to(dtype).reshape(shape)


def state():
    base = numbers(10)
    return collections.OrderedDict([
        ("f32", numbers(2, 3)),
        ("f16", numbers(4, dtype=torch.float16)),
        ("bf16", numbers(4, dtype=torch.bfloat16)),
        ("f64", numbers(3, dtype=torch.float64)),
        ("i64", torch.arange(5)),
        ("scalar", torch.tensor(7.5)),
        ("empty", torch.zeros(0, 3)),
        ("permuted", numbers(2, 3, 4).permute(2, 0, 1)),
        ("part", base[3:7]),
        ("other_part", base[6:9]),
        ("parameter", torch.nn.Parameter(numbers(3))),
    ])


def official_list():
    """[model, adam, epoch, step, average] of a model with two parameters."""
    torch.manual_seed(1)
    model = torch.nn.DataParallel(torch.nn.Linear(3, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4, betas=(0.9, 0.999), eps=1e-8)
    average = {name: p.detach().clone() for name, p in model.module.named_parameters()}
    for step in range(2):
        optimizer.zero_grad()
        model(numbers(4, 3)).pow(2).sum().backward()
        optimizer.step()
    return [model.state_dict(), optimizer.state_dict(), 1, 2, average]


def main():
    folder = sys.argv[1]
    torch.save(state(), f"{folder}/state.pth")
    for protocol in (3, 4, 5):
        torch.save(state(), f"{folder}/state_protocol{protocol}.pth", pickle_protocol=protocol)
    torch.save(state(), f"{folder}/state_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(official_list(), f"{folder}/official.pth")
    torch.save(official_list(), f"{folder}/official_legacy.pth",
               _use_new_zipfile_serialization=False)


main()
