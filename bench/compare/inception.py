"""Features of the network `inception` by ddim and by PyTorch (eager), in turns, in pictures a second.

    python3 tools/make_inception_values.py --write /tmp/pt_inception-2015-12-05-6726825d.pth
    python3 bench/compare/inception.py build /tmp/pt_inception-2015-12-05-6726825d.pth [--threads 2] [--rounds 3]

PyTorch runs pytorch-fid's graph with the file's weights in batches of 16, on the same pictures of 32x32, resizing
included. The machine may do other work, so rates are in seconds of the threads' own time, too. Needs torch,
torchvision, pytorch-fid and NumPy.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
from make_inception_values import extractor  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, network = extractor()
    network.load_state_dict(torch.load(arguments.file))
    pictures = np.random.default_rng(0).integers(0, 256, (arguments.count, 32, 32, 3), dtype=np.uint8)
    batches = torch.from_numpy(pictures.astype(np.float32) / 255).permute(0, 3, 1, 2).split(16)
    rates = {"ddim": [], "PyTorch eager": []}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        np.savez(f"{folder}/set.npz", arr_0=pictures)
        model(batches[0])
        for _ in range(arguments.rounds):
            out = subprocess.run([f"{arguments.build}/bench/feature_rate", f"{folder}/set.npz", str(arguments.threads), arguments.file],
                                 check=True, capture_output=True, text=True).stdout
            rates["ddim"].append([float(x) for x in re.search(r"([0-9.]+) a second, ([0-9.]+) in", out).groups()])
            start, own = time.time(), time.process_time()
            for batch in batches:
                model(batch)
            rates["PyTorch eager"].append([arguments.count / (time.time() - start),
                                           arguments.count * arguments.threads / (time.process_time() - own)])
    for name, found in rates.items():
        print(f"{name}: {statistics.median(r[0] for r in found):.1f} pictures a second, "
              f"{statistics.median(r[1] for r in found):.1f} in one of own time")


if __name__ == "__main__":
    main()
