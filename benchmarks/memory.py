"""Peak memory of training on MNIST, beside a minimal torch script that holds the same images as uint8.

Each contender runs in a process of its own; the peak is what Linux says of it (VmHWM).
Two more stream a file larger than the limit, and one ten times as large, through a training and through the loader
alone: the same memory is to serve both.

    python -m benchmarks memory --data DIR
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._measure import images_like_mnist, write

MINIMAL = """
import numpy as np, torch
from torch import nn
from torch.nn import functional as F
images = torch.from_numpy(np.load(FILE))
encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 4))
decoder = nn.Sequential(nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
for indices in torch.randperm(len(images)).split(128):
    x = images[indices].float().flatten(1) / 255
    mean, log_variance = encoder(x).chunk(2, dim=1)
    logits = decoder(mean + (log_variance / 2).exp() * torch.randn_like(mean))
    kl = 0.5 * (mean ** 2 + log_variance.exp() - log_variance - 1).sum()
    loss = (F.binary_cross_entropy_with_logits(logits, x, reduction='sum') + kl) / len(x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
ZOO = """
import tempfile, zoo
train = {'epochs': 1, 'batch_size': 128, 'device': 'cpu', 'precision': 'fp32'}
recipe = {'name': 'memory', 'model': {'preset': 'vae-mlp-2d'}, 'data': DATA, 'train': train,
          'evaluate': {'metrics': ['elbo'], 'figures': []}}
zoo.train(recipe, out=tempfile.mkdtemp() + '/run')
"""
LOADER = """
import torch, zoo, zoo.training.loop
from zoo.spec import DataSpec
split = zoo.load_data(DataSpec.model_validate(DATA)).train
for batch in split.batches(128, order=torch.randperm(len(split))):
    pass
"""
# What getrusage says includes the process that forked this one; the kernel's own high-water mark does not.
REPORT = """
with open('/proc/self/status') as status:
    print(next(1024 * int(line.split()[1]) for line in status if line.startswith('VmHWM')))
"""


def main(arguments: list[str]) -> None:
    """Measure each contender."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=60_000, help="images of MNIST's size (%(default)s)")
    parser.add_argument("--streamed", type=int, default=20_000, help="images of the smaller stream (%(default)s)")
    parser.add_argument("--data", type=Path, help="folder of MNIST")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "all": Path(folder) / "all.npy",
            "stream": Path(folder) / "s.npy",
            "ten streams": Path(folder) / "t.npy",
        }
        images = images_like_mnist(options.images, 0, options.data)[0].numpy()
        np.save(files["all"], images)
        np.save(files["stream"], np.resize(images, (options.streamed, 1, 28, 28)))
        np.save(files["ten streams"], np.resize(images, (10 * options.streamed, 1, 28, 28)))
        mnist = {"name": "mnist", "root": str(options.data.resolve())} if options.data else arrays(files["all"])
        stream = {"in_memory_limit_mb": 1, "workers": 0, "validation": 0.02, "test": 0.02}
        small, large = (repr(arrays(files[name], **stream)) for name in ("stream", "ten streams"))
        peaks = {
            "imports alone": peak("import zoo, zoo.training.loop"),
            "minimal script": peak(MINIMAL.replace("FILE", repr(str(files["all"])))),
            "zoo": peak(ZOO.replace("DATA", repr(mnist))),
            "zoo, streamed": peak(ZOO.replace("DATA", small)),
            "zoo, streamed, ten times as much": peak(ZOO.replace("DATA", large)),
            "loader alone": peak(LOADER.replace("DATA", small)),
            "loader alone, ten times as much": peak(LOADER.replace("DATA", large)),
        }
    for name, value in peaks.items():
        print(f"{name:<34}{value:8.1f} MB")
    ratio = peaks["zoo"] / peaks["minimal script"]
    print(f"zoo / minimal script              {ratio:8.2f}   (goal ≤ 1.3)")
    settings = {name: str(value) for name, value in vars(options).items()}
    write({"settings": settings, "goal": "zoo / minimal ≤ 1.3", "megabytes": peaks, "ratio": ratio}, options.out)


def arrays(path: Path, **options: object) -> dict[str, object]:
    """Return the data of a recipe that reads a file."""
    return {"name": "arrays", "path": str(path), **options}


def peak(code: str) -> float:
    """Return the largest resident set, in megabytes (10⁶ bytes), of a process that runs the code."""
    done = subprocess.run([sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a contender failed:\n{code}\n{done.stderr}")
    return float(done.stdout.split()[-1]) / 1e6
