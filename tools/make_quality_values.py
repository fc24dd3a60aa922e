#!/usr/bin/env python3
"""Computes with NumPy and SciPy the values that tests/eval/quality_values.h stores.
   tools/make_quality_values.py > tests/eval/quality_values.h"""
import numpy as np
from scipy import linalg


def features(count, dimensions, shift):
    i = np.arange(count)[:, None].astype(np.float64)
    j = np.arange(dimensions)[None, :].astype(np.float64)
    return np.sin(1.7 * i + 0.9 * j * j + shift) + 0.3 * np.cos(0.37 * i * (j + 1.0)) + 0.1 * shift * j


def frechet(x, y):
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(a @ b).real
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(a) + np.trace(b) - 2 * np.trace(root)


def mmd2(x, y):
    kernel = lambda p, q: (p @ q.T / p.shape[1] + 1.0) ** 3
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    m, n = len(x), len(y)
    return ((xx.sum() - np.trace(xx)) / (m * (m - 1)) + (yy.sum() - np.trace(yy)) / (n * (n - 1))
            - 2 * xy.mean())


def within(points, manifold, k=3):
    distances = np.linalg.norm(manifold[:, None] - manifold[None, :], axis=2)
    radii = np.sort(distances, axis=1)[:, k]
    cross = np.linalg.norm(points[:, None] - manifold[None, :], axis=2)
    return np.mean((cross <= radii[None, :]).any(axis=1))


def inception_score(logits):
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return np.exp(np.mean(np.sum(p * (np.log(p) - np.log(p.mean(0, keepdims=True))), axis=1)))


def shrink(x):  # Chen, Wiesel, Eldar and Hero, 2010, eq. 23, with n - 1 degrees of freedom
    s, d, n = np.cov(x, rowvar=False), x.shape[1], len(x) - 1
    square, trace = np.trace(s @ s), np.trace(s)
    r = min(1.0, ((1 - 2 / d) * square + trace**2) / ((n + 1 - 2 / d) * (square - trace**2 / d)))
    return r, (1 - r) * s + r * trace / d * np.eye(d)


x = features(300, 6, 0.0).astype(np.float32).astype(np.float64)
y = features(200, 6, 0.8).astype(np.float32).astype(np.float64)
weight, shrunk = shrink(features(20, 12, 0.0).astype(np.float32).astype(np.float64))
values = {
    "kFrechet": frechet(x, y),
    "kMean0": x.mean(0)[0],
    "kCovariance01": np.cov(x, rowvar=False)[0, 1],
    "kMmd2": mmd2(x, y),
    "kPrecision": within(y, x),
    "kRecall": within(x, y),
    "kShrinkage": weight,
    "kShrunkCovariance00": shrunk[0, 0],
    "kShrunkCovariance01": shrunk[0, 1],
    "kInceptionScore": inception_score(2.0 * x),
}
print("#pragma once\n\n// Made by tools/make_quality_values.py with NumPy and SciPy.\n")
print("namespace ddim::engine::eval {\n")
for name, value in values.items():
    print(f"inline constexpr double {name} = {value:.15g};")
print("\n}  // namespace ddim::engine::eval")
