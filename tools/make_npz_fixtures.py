#!/usr/bin/env python3
"""Writes the small arrays in tests/data/arrays, with NumPy itself.

    python3 tools/make_npz_fixtures.py tests/data/arrays

Picture i, row y, column x has the number (i * 6 + y * 3 + x) of 12, as each type holds it.
"""
import sys

import numpy as np


def main():
    folder = sys.argv[1]
    count = np.arange(12).reshape(2, 2, 3)
    labels = np.array([3, 1])
    many = np.tile((20 * count).astype(np.uint8)[..., None], (1, 30, 30, 3))
    np.savez_compressed(f"{folder}/compressed.npz", (20 * count).astype(np.uint8), labels)
    np.savez_compressed(f"{folder}/compressed_many.npz", images=many, labels=labels.astype(np.uint8))
    np.savez_compressed(f"{folder}/compressed_halves.npz", x=(count / 12).astype(np.float16), y=labels)
    pictures = (20 * count).astype(np.uint8)
    np.savez(f"{folder}/splits.npz", names=np.array(["a", "b"]), train_images=pictures, train_labels=labels[:, None],
             test_images=pictures[1:], about=np.array({"license": "none"}, dtype=object))
    np.savez(f"{folder}/texts.npz", x=pictures, y=np.array(["cat", "dog"]))
    # As published reference batches: pictures and statistics of their features.
    np.savez_compressed(f"{folder}/reference_batch.npz", arr_0=np.zeros((2, 2, 2, 3), np.uint8), mu=np.full(64, 0.5),
                        sigma=np.eye(64), names=np.array(["a", "b"]))
    np.save(f"{folder}/halves.npy", (count / 8 - 0.75).astype(np.float16))
    np.savez(f"{folder}/booleans.npz", count % 3 == 0)
    np.save(f"{folder}/big_endian.npy", count.astype(">f4"))
    np.save(f"{folder}/fortran.npy", np.asfortranarray(count.astype(np.uint8)))
    np.save(f"{folder}/objects.npy", np.array([[[{}]]], dtype=object), allow_pickle=True)
    np.save(f"{folder}/fields.npy", np.zeros((2, 2, 3), dtype=[("r", "u1"), ("g", "u1")]))
    np.save(f"{folder}/complex.npy", count.astype(np.complex64))


main()
