#!/usr/bin/env python3
"""Writes the small files of PyTorch in tests/io/torch, with PyTorch itself.

    python3 tools/make_torch_fixtures.py tests/io/torch

Every value is a function of its place, so the tests know what to expect:
weight[i] = i - 2.5 for element i in row-major order.
"""
import argparse
import collections
import datetime
import decimal
import enum
import functools
import pathlib
import sys
import uuid

import numpy
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


def eighths():
    return {"e4m3": numbers(2, 3).to(torch.float8_e4m3fn), "e5m2": numbers(6).to(torch.float8_e5m2)[2:5],
            "parameter": torch.nn.Parameter(numbers(3).to(torch.float8_e5m2), requires_grad=False)}


def negated():
    """A view that says only in its description that its numbers are to be negated."""
    return {"negated": torch._neg_view(numbers(2, 3)), "unmarked": numbers(2, 3)}


class Scale(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.by = torch.nn.Parameter(numbers(1))


class Phase(enum.Enum):
    TRAIN = 1


class Config(dict):
    """As the configurations of several libraries: items are attributes."""

    __getattr__ = dict.get


class Meter:
    def __init__(self):
        self.last = collections.deque([1.0, 2.0], maxlen=4)
        self.owner = self


def optimizer_state(kind):
    """What accelerate keeps as optimizer.bin."""
    model = torch.nn.Linear(3, 2)
    settings = {"momentum": 0.9} if kind is torch.optim.SGD else {"amsgrad": True}
    optimizer = kind(model.parameters(), lr=1e-3, weight_decay=0.01, **settings)
    model(numbers(4, 3)).pow(2).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def with_extras():
    """Weights, and beside them what training scripts keep."""
    tensor, parameter = numbers(2, 3), torch.nn.Parameter(numbers(3))
    tensor.is_average, parameter.rank = True, 4
    return {
        "weights": Config(tensor=tensor, parameter=parameter, plain=numbers(4)),
        "args": argparse.Namespace(lr=1e-4, out=pathlib.PosixPath("runs/a"), betas=(0.9, 0.999)),
        "best": numpy.float64(0.5), "step": numpy.int64(7), "mean": numpy.arange(3, dtype=">f4"),
        "dtype": numpy.dtype("float16"), "numpy_random": numpy.random.RandomState(1).get_state(),
        "torch_random": torch.random.get_rng_state()[:8],
        "device": torch.device("cuda", 1), "shape": torch.Size([1, 2]), "type": torch.bfloat16,
        "layout": torch.strided, "complex": torch.zeros(2, dtype=torch.complex64),
        "counts": collections.defaultdict(int, {"seen": 9}), "milestones": collections.Counter({30: 1}),
        "tags": {"a"}, "fixed": frozenset((1, 2)), "range": range(3), "slice": slice(1, 2), "z": 1 + 2j,
        "when": datetime.datetime(2024, 5, 6), "price": decimal.Decimal("1.5"), "id": uuid.UUID(int=5),
        "phase": Phase.TRAIN, "schedule": functools.partial(Config, a=1),
        "meter": Meter(), "class": Meter, "keys": {None: 1, 0.5: 2, (1, 2): 3, True: 4, b"x": 5},
        "epoch": 3,
    }


def main():
    folder = sys.argv[1]
    torch.save(state(), f"{folder}/state.pth")
    for protocol in (3, 4, 5):
        torch.save(state(), f"{folder}/state_protocol{protocol}.pth", pickle_protocol=protocol)
    torch.save(state(), f"{folder}/state_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(official_list(), f"{folder}/official.pth")
    torch.save(official_list(), f"{folder}/official_legacy.pth",
               _use_new_zipfile_serialization=False)
    for name, kind in (("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)):
        torch.save(optimizer_state(kind), f"{folder}/{name}.bin")
    torch.save(torch.nn.Linear(2, 1), f"{folder}/whole.pth")
    torch.save(Scale(), f"{folder}/whole_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"w": numbers(3).to(torch.float8_e4m3fnuz)}, f"{folder}/odd_eighths.pth")
    torch.save(eighths(), f"{folder}/eighths.pth")
    torch.save(eighths(), f"{folder}/eighths_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(negated(), f"{folder}/negated.pth")
    torch.save({"w": numpy.arange(3)}, f"{folder}/arrays.pth")
    torch.save(with_extras(), f"{folder}/extras.pth")
    torch.save(with_extras(), f"{folder}/extras_protocol4.pth", pickle_protocol=4)
    torch.save(with_extras(), f"{folder}/extras_legacy.pth", _use_new_zipfile_serialization=False)


main()
