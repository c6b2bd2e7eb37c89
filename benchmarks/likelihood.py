"""The importance-weighted log-likelihood: time for an image, beside pythae's, at the same networks and weights.

Both estimate log p(x) of the same images with as many draws each; the estimates are printed and agree within their
standard errors. The floor is the decoder's matrix products alone, at the speed this machine has at its best.

    python -m benchmarks likelihood
    python -m benchmarks likelihood --images 32 --samples 5000 --latent-dim 2
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

import zoo
from benchmarks import _peers
from benchmarks._measure import images_like_mnist, interleaved, matrix_peak, print_ratios, ratios, spread, write
from zoo.model import Model


def main(arguments: list[str]) -> None:
    """Measure the zoo's estimate and pythae's in turns."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks likelihood",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=16, help="images of a round (%(default)s)")
    parser.add_argument("--samples", type=int, default=5000, help="draws for each image (%(default)s)")
    parser.add_argument("--latent-dim", type=int, default=2, help="latent dimensions (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that are counted (%(default)s)")
    parser.add_argument("--data", type=Path, help="folder of MNIST")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    images, _ = images_like_mnist(options.images, 0, options.data)
    x = images.float() / 255
    pythae, model = twins(options.latent_dim, x)
    estimates: dict[str, list[float]] = {"zoo": [], "pythae": []}

    def ours() -> None:
        estimates["zoo"].append(model.log_likelihood(x, num_samples=options.samples).mean().item())

    @torch.no_grad()
    def theirs() -> None:
        estimates["pythae"].append(float(pythae.get_nll(x, n_samples=options.samples, batch_size=100)))

    seconds = interleaved({"zoo": ours, "pythae": theirs}, options.rounds)
    floor = 2 * options.samples * (512 * options.latent_dim + 784 * 512) / matrix_peak()
    figures = {
        "settings": {name: str(value) for name, value in vars(options).items()},
        "goal": "pythae / zoo ≥ 4",
        "milliseconds_an_image": {n: spread([1e3 * s / options.images for s in v]) for n, v in seconds.items()},
        "time_ratios": {
            "pythae / zoo": ratios(seconds, "pythae", "zoo"),
            "zoo / floor": spread([s / options.images / floor for s in seconds["zoo"]]),
        },
        "log_likelihood": {name: spread(values) for name, values in estimates.items()},
    }
    print_ratios("log-likelihood", figures["time_ratios"])
    write(figures, options.out)


def twins(latent_dim: int, x: torch.Tensor) -> tuple[nn.Module, Model]:
    """Return pythae's VAE and the zoo's, both 784-512-d and back, with the same weights."""
    model = zoo.build("vae-mlp-2d", latent_dim=latent_dim, encoder={"widths": [512]}, decoder={"widths": [512]}).eval()
    pythae = _peers.pythae_model("mlp", latent_dim).eval()
    with torch.no_grad():
        # pythae's head gives log-variances: both posteriors get a scale of their own that is the same for all x.
        model.posterior.head.weight[latent_dim:] = 0.0
        model.posterior.head.bias[latent_dim:] = torch.tensor(0.5 - model.posterior.floor).expm1().log()
        pythae.encoder.log_var.weight.zero_()
        pythae.encoder.log_var.bias.fill_(2 * torch.tensor(0.5).log())
        pythae.encoder.embedding.weight.copy_(model.posterior.head.weight[:latent_dim])
        pythae.encoder.embedding.bias.copy_(model.posterior.head.bias[:latent_dim])
        pythae.encoder.layers[0][0].load_state_dict(model.encoder.blocks[0].layer.state_dict())
        pythae.decoder.layers[0][0].load_state_dict(model.decoder.blocks[0].layer.state_dict())
        pythae.decoder.layers[1][0].load_state_dict(model.decoder.output.state_dict())
    torch.testing.assert_close(model.encode(x).mean, pythae.encoder(x).embedding, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        model.reconstruct(x).flatten(1),
        pythae.decoder(model.encode(x).mean).reconstruction.flatten(1),
        atol=1e-4,
        rtol=1e-4,
    )
    return pythae, model
