"""Computes what tests expect of the extractor `inception`, by the Python package pytorch-fid:

    python3 tools/make_inception_values.py > tests/eval/inception_values.h
    python3 tools/make_inception_values.py --write pt_inception-2015-12-05-6726825d.pth

Needs torch, torchvision, pytorch-fid, Pillow and NumPy. Weights are made by a formula that the tests
know too, with the names and shapes of the published file; --write keeps them as such a file.
"""

import argparse
import sys

import numpy as np
import torch
from PIL import Image
import pytorch_fid.inception as fid
import torchvision
from pytorch_fid.inception import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2, InceptionV3


def hash_of(name):
    """FNV-1a."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h


def some_values(name, count):
    """In [-0.5, 0.5): a hash of the tensor's name and the index."""
    i = np.arange(count, dtype=np.uint64)
    h = (i * np.uint64(2654435761) + np.uint64(hash_of(name))) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(13)
    return (h.astype(np.float64) / 2.0**32 - 0.5).astype(np.float32)


def values_of(name, shape):
    v = some_values(name, int(np.prod(shape)))
    if name.endswith("running_mean") or name.endswith("bias"):
        v = v * np.float32(0.2)
    elif name.endswith("running_var"):
        v = v * np.float32(0.5) + np.float32(1)
    elif name.endswith("bn.weight"):
        v = v * np.float32(0.5) + np.float32(1)
    elif name == "fc.weight":
        v = v * np.float32(0.1)
    else:  # a convolution: keeps the size of what relu lets through
        v = v * np.float32(np.sqrt(24.0 / np.prod(shape[1:])))
    return torch.from_numpy(v.reshape(shape))


def network():
    """pytorch_fid.inception.fid_inception_v3() without its download."""
    net = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, init_weights=False, weights=None)
    net.Mixed_5b = FIDInceptionA(192, pool_features=32)
    net.Mixed_5c = FIDInceptionA(256, pool_features=64)
    net.Mixed_5d = FIDInceptionA(288, pool_features=64)
    net.Mixed_6b = FIDInceptionC(768, channels_7x7=128)
    net.Mixed_6c = FIDInceptionC(768, channels_7x7=160)
    net.Mixed_6d = FIDInceptionC(768, channels_7x7=160)
    net.Mixed_6e = FIDInceptionC(768, channels_7x7=192)
    net.Mixed_7b = FIDInceptionE_1(1280)
    net.Mixed_7c = FIDInceptionE_2(2048)
    state = net.state_dict()
    net.load_state_dict({k: values_of(k, v.shape) if v.dim() else v for k, v in state.items()})
    return net.eval()


def extractor():
    net = network()
    fid.fid_inception_v3 = lambda: net
    return InceptionV3([3]).eval(), net


def pictures(count, height, width):
    i = np.arange(count * height * width * 3, dtype=np.uint64)
    return ((i * i // np.uint64(97) + np.uint64(7) * i) % np.uint64(251)).astype(np.uint8).reshape(count, height, width, 3)


def bilinear_tf1(x, size):
    """tf.image.resize_bilinear of TensorFlow 1 (no corners aligned, no half pixels): x [H,W,C]."""
    def axis(n):
        place = np.arange(size) * (n / size)
        low = np.floor(place).astype(int)
        return low, np.minimum(low + 1, n - 1), place - low
    r0, r1, rf = axis(x.shape[0])
    c0, c1, cf = axis(x.shape[1])
    x = x.astype(np.float64)
    top = x[r0][:, c0] * (1 - cf)[None, :, None] + x[r0][:, c1] * cf[None, :, None]
    bottom = x[r1][:, c0] * (1 - cf)[None, :, None] + x[r1][:, c1] * cf[None, :, None]
    return top * (1 - rf)[:, None, None] + bottom * rf[:, None, None]


def resized(x):
    """One picture [H,W,3] of bytes by the three rules, as the network gets it."""
    t = torch.from_numpy(x.astype(np.float32) / 255).permute(2, 0, 1)[None]
    pytorch = 2 * torch.nn.functional.interpolate(t, size=(299, 299), mode="bilinear", align_corners=False) - 1
    clean = np.stack([np.asarray(Image.fromarray(x[:, :, c].astype(np.float32), mode="F").resize((299, 299), Image.BICUBIC)).clip(0, 255)
                      for c in range(3)], -1)
    return {"Pytorch": pytorch[0].permute(1, 2, 0).numpy(), "Tf1": (bilinear_tf1(x, 299) - 128) / 128, "Clean": (clean - 128) / 128}


def array(name, values):
    text = ",\n    ".join(", ".join(f"{v:.9g}F" if "." in f"{v:.9g}" or "e" in f"{v:.9g}" else f"{v:.9g}.0F" for v in values[i:i + 6])
                          for i in range(0, len(values), 6))
    print(f"inline constexpr float {name}[] = {{\n    {text}}};")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if arguments.write:
        torch.save(network().state_dict(), arguments.write)
        return
    model, net = extractor()
    x = pictures(2, 40, 36)
    with torch.no_grad():
        batch = torch.from_numpy(x.astype(np.float32) / 255).permute(0, 3, 1, 2)
        features = model(batch)[0].squeeze(3).squeeze(2).numpy()
        # Published inception scores leave the bias out.
        probabilities = torch.softmax(torch.from_numpy(features) @ net.fc.weight.T, 1).detach().numpy()
    print("#pragma once\n\n// Written by tools/make_inception_values.py.\n\nnamespace ddim::engine::eval {\n")
    print("/// Every 32nd feature of two pictures of 40x36, and every 63rd class of the first.")
    array("kInceptionFeatures", features[:, ::32].ravel())
    array("kInceptionProbabilities", probabilities[0, ::63])
    print("/// Rows 0, 100, 200, 298 of a picture resized from 40x36, every 23rd pixel, then from 400x320.")
    for rule in ("Pytorch", "Tf1", "Clean"):
        values = [resized(pictures(1, h, w)[0])[rule][r, ::23].ravel() for h, w in ((40, 36), (400, 320)) for r in (0, 100, 200, 298)]
        array(f"kResized{rule}", np.concatenate(values))
    print("\n}  // namespace ddim::engine::eval")


if __name__ == "__main__":
    sys.exit(main())
