"""What the zoo is measured against: a loop that is tuned by hand for one model, and pythae's trainer.

pythae comes with the extra ``bench``; it is imported where it is used, so that the rest runs without it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.decoders import Decoder
from zoo.encoders import Encoder
from zoo.registry import register

LEARNING_RATE = 1e-3


class PlainVae(nn.Module):
    """The VAE that somebody writes for one paper: log-variances, logits, and the closed form of the KL term."""

    def __init__(self, encoder: nn.Module, features: int, latent_dim: int, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.head = nn.Linear(features, 2 * latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return the negative ELBO of a batch, nats an example."""
        mean, log_variance = self.head(self.encoder(x)).float().chunk(2, dim=-1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        logits = self.decoder(z).float()
        reconstruction = F.binary_cross_entropy_with_logits(logits.flatten(1), x.flatten(1), reduction="sum")
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()
        return (reconstruction + kl) / len(x)


def plain_mlp(latent_dim: int, width: int = 512) -> PlainVae:
    """Return 784-512-d and back, as pythae's default is, too."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(latent_dim, width), nn.ReLU(), nn.Linear(width, 784))
    return PlainVae(encoder, width, latent_dim, decoder)


def plain_conv(latent_dim: int) -> PlainVae:
    """Return what the zoo's ``conv`` encoder and decoder of 32 and 64 channels are, layer by layer."""
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.SiLU()
    )
    decoder = nn.Sequential(
        *(nn.Linear(latent_dim, 256), nn.SiLU(), nn.Linear(256, 64 * 49), nn.Unflatten(1, (64, 7, 7)), nn.SiLU()),
        *(nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.SiLU()),
        nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
    )
    return PlainVae(nn.Sequential(encoder, nn.Flatten()), 64 * 49, latent_dim, decoder)


def plain_pythae_conv(latent_dim: int) -> PlainVae:
    """Return pythae's convolutional networks for MNIST, of 17 million weights, in the plain VAE."""
    return PlainVae(_pythae_encoder(latent_dim), 1024, latent_dim, _pythae_decoder(latent_dim))


def train_by_hand(
    model: PlainVae, train: Tensor, validation: Tensor, *, batch_size: int, epochs: int, precision: str, device: str
) -> float:
    """Train on float32 images (N, 1, 28, 28) that lie on the device, fused Adam and no more; return the last loss.

    Each epoch ends with a validation, as a trainer's does; nothing is logged, saved, or checked.
    """
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    autocast = torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")
    loss = torch.zeros(())
    for _ in range(epochs):
        model.train()
        for indices in torch.randperm(len(train), device=device).split(batch_size):
            loss = step_by_hand(model, optimizer, autocast, train[indices])
        model.eval()
        with torch.no_grad(), autocast:
            loss = torch.stack([model(part) for part in validation.split(512)]).mean()
    return loss.item()


def step_by_hand(model: PlainVae, optimizer: torch.optim.Optimizer, autocast: torch.autocast, x: Tensor) -> Tensor:
    """Make one step and return its loss."""
    with autocast:
        loss: Tensor = model(x)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss


def products_of_mlp(
    train: Tensor, validation: Tensor, *, batch_size: int, epochs: int, precision: str, device: str, width: int = 512
) -> None:
    """Do the large matrix products of training ``plain_mlp``, and nothing else: what no loop can be faster than."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    pixels = train[0].numel()
    first, last = (torch.randn(shape, dtype=dtype, device=device) for shape in ((width, pixels), (pixels, width)))
    x, h = (torch.randn(batch_size, columns, dtype=dtype, device=device) for columns in (pixels, width))
    x_validation, h_validation = (torch.randn(512, columns, dtype=dtype, device=device) for columns in (pixels, width))
    with torch.no_grad():
        for _ in range(epochs):
            for _ in range(-(-len(train) // batch_size)):
                # Forwards the two large layers; backwards both weights, and what goes on from the last layer.
                _ = F.linear(x, first), F.linear(h, last), x @ last, x.T @ h, h.T @ x
            for _ in range(-(-len(validation) // 512)):
                _ = F.linear(x_validation, first), F.linear(h_validation, last)
    if device == "cuda":
        torch.cuda.synchronize()


def pythae_model(network: str, latent_dim: int) -> Any:
    """Return pythae's VAE with its own networks."""
    with quiet():
        from pythae.models import VAE, VAEConfig
        from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_VAE_MNIST

        config = VAEConfig(input_dim=(1, 28, 28), latent_dim=latent_dim, reconstruction_loss="bce")
        if network == "mlp":
            return VAE(config)
        return VAE(config, encoder=Encoder_Conv_VAE_MNIST(config), decoder=Decoder_Conv_AE_MNIST(config))


def train_by_pythae(
    network: str, latent_dim: int, train: Tensor, validation: Tensor, *, batch_size: int, epochs: int, device: str
) -> float:
    """Train pythae's VAE in pythae's trainer on float32 images; return the last loss in validation."""
    model = pythae_model(network, latent_dim)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        trainer = pythae_trainer(
            *(model, train, validation, folder),
            num_epochs=epochs,
            per_device_train_batch_size=batch_size,
            per_device_eval_batch_size=512,
            learning_rate=LEARNING_RATE,
            no_cuda=device == "cpu",
            # The trainer starts each model from the same seed; a round should not repeat the one before.
            seed=int(torch.randint(2**31, ())),
        )
        losses: list[float] = []
        inner = trainer.eval_step
        trainer.eval_step = lambda epoch: losses.append(inner(epoch)) or losses[-1]  # type: ignore[func-returns-value]
        trainer.train()
    return losses[-1]


def pythae_trainer(model: Any, train: Tensor, validation: Tensor, folder: str, **settings: Any) -> Any:
    """Return pythae's trainer of a model on float32 images, with its own defaults where ``settings`` say nothing."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    sets = [BaseDataset(part, torch.zeros(len(part))) for part in (train, validation)]
    return BaseTrainer(model, sets[0], sets[1], BaseTrainerConfig(output_dir=folder, **settings))


@register("encoder", "pythae_conv")
class PythaeConvEncoder(Encoder):
    """pythae's encoder for MNIST, up to its features."""

    def __init__(self, *, data_shape: tuple[int, ...], condition_dim: int) -> None:
        super().__init__()
        self.layers, self.features = _pythae_encoder(2), 1024

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map images (B, 1, 28, 28) to features (B, 1024)."""
        features: Tensor = self.layers(x)
        return features


@register("decoder", "pythae_conv")
class PythaeConvDecoder(Decoder):
    """pythae's decoder for MNIST, without the sigmoid at its end."""

    def __init__(self, *, latent_dim: int, output_shape: tuple[int, ...], condition_dim: int) -> None:
        super().__init__()
        self.layers = _pythae_decoder(latent_dim)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map latents (B, d) to logits (B, 1, 28, 28)."""
        logits: Tensor = self.layers(z)
        return logits


def _pythae_encoder(latent_dim: int) -> nn.Module:
    with quiet():
        from pythae.models.nn.benchmarks.mnist import Encoder_Conv_VAE_MNIST
    encoder = Encoder_Conv_VAE_MNIST(SimpleNamespace(latent_dim=latent_dim))
    return nn.Sequential(*encoder.layers, nn.Flatten())


def _pythae_decoder(latent_dim: int) -> nn.Module:
    with quiet():
        from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST
    first, *rest, last = Decoder_Conv_AE_MNIST(SimpleNamespace(latent_dim=latent_dim, input_dim=(1, 28, 28))).layers
    return nn.Sequential(first, nn.Unflatten(1, (1024, 4, 4)), *rest, last[0])


@contextlib.contextmanager
def quiet() -> Any:
    """Keep pythae's progress bars and log lines off the screen."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
