#!/usr/bin/env python3
"""Rounds the published ResNet-56 for CIFAR-10 to half precision, and prints what PyTorch computes with the
rounded weights for one stored picture.
   tools/make_feature_extractor.py resnet56-4bfd9763.safetensors OUT_FOLDER > tests/nn/resnet56_values.h"""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out)
        self.conv2, self.bn2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False), nn.BatchNorm2d(c_out)
        self.stride, self.pad = stride, c_out // 4

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride != 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(y + x)


class ResNet56(nn.Module):
    def __init__(self):
        super().__init__()
        layer = lambda c_in, c_out, stride: nn.Sequential(
            Block(c_in, c_out, stride), *[Block(c_out, c_out, 1) for _ in range(8)])
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = layer(16, 16, 1), layer(16, 32, 2), layer(32, 64, 2)
        self.linear = nn.Linear(64, 10)

    def features(self, x):
        return self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x)))))).mean((2, 3))


source, out = sys.argv[1:]
half = {name: value.half() for name, value in load_file(source).items() if value.is_floating_point()}
save_file(half, f"{out}/model.safetensors", {"source": "resnet56-4bfd9763"})
net = ResNet56().eval().double()
net.load_state_dict({name: value.double() for name, value in half.items()}, strict=False)
# Two different pictures: byte i of the pictures [N,H,W,C] is (i * i / 97 + 7 i) mod 256 (the second begins with i = 3072).
i = torch.arange(2 * 32 * 32 * 3)
x = ((i * i // 97 + 7 * i) % 256 / 255.0).double().reshape(2, 32, 32, 3)
x = (x - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
with torch.no_grad():
    features = net.features(x.permute(0, 3, 1, 2))
    probabilities = net.linear(features).softmax(1)
print("#pragma once\n\n// Made by tools/make_feature_extractor.py with PyTorch.\n\nnamespace ddim::engine {\n")
for name, value in (("kResNet56Features", features), ("kResNet56Probabilities", probabilities)):
    print(f"inline constexpr double {name}[] = {{")
    print(",\n".join(f"    {v:.9g}" for v in value.flatten().tolist()) + "};")
print("\n}  // namespace ddim::engine")
