"""pythae's models and trainers, with the networks and the settings of the zoo's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks._peers import LEARNING_RATE, quiet


def turns(
    name: str, images: Tensor, folder: str, *, batch: int, latents: int, draws: int, components: int
) -> Callable[[], None]:
    """Return what makes pythae's trainer pass once over the images (N, 1, 28, 28).

    Args:
        name: of the model, as ``python -m benchmarks models --help`` lists them.
        folder: where pythae puts its files.
        latents: d.
        draws: K of the importance-weighted bound.
        components: pseudo-inputs of the VampPrior.
    """
    with quiet():
        trainer = _trainer(name, images, folder, batch, _model(name, latents, draws, components))
        trainer.prepare_training()
        trainer.callback_handler.on_train_begin(
            training_config=trainer.training_config, model_config=trainer.model_config
        )
    epoch = 0

    def turn() -> None:
        nonlocal epoch
        epoch += 1
        with quiet():
            trainer.train_step(epoch)

    return turn


def _model(name: str, latents: int, draws: int, components: int) -> Any:
    from pythae import models

    common = {"input_dim": (1, 28, 28), "latent_dim": latents, "reconstruction_loss": "bce"}
    squared = {**common, "reconstruction_loss": "mse"}
    if name == "beta-vae":
        return models.BetaVAE(models.BetaVAEConfig(**common, beta=4.0))
    if name == "beta-tc-vae":
        return models.BetaTCVAE(models.BetaTCVAEConfig(**common, beta=6.0, use_mss=True))
    if name == "factor-vae":
        return models.FactorVAE(models.FactorVAEConfig(**common, gamma=35.0))
    if name == "info-vae":
        return models.INFOVAE_MMD(models.INFOVAE_MMD_Config(**common, alpha=0.0, lbd=10.0))
    if name == "iwae":
        return models.IWAE(models.IWAEConfig(**common, number_samples=draws))
    if name == "wae-mmd":
        return models.WAE_MMD(models.WAE_MMD_Config(input_dim=(1, 28, 28), latent_dim=latents, reg_weight=10.0))
    if name == "adversarial-ae":
        return models.Adversarial_AE(models.Adversarial_AE_Config(**squared, deterministic_posterior=True))
    if name == "vae-gan":
        return models.VAEGAN(models.VAEGANConfig(**squared, reconstruction_layer=1))
    if name == "vq-vae":
        return models.VQVAE(models.VQVAEConfig(input_dim=(1, 28, 28), latent_dim=latents, use_ema=True))
    if name == "iaf-vae":
        made = {"n_made_blocks": 2, "n_hidden_in_made": 1, "hidden_size": 128}
        return models.VAE_IAF(models.VAE_IAF_Config(**common, **made))
    return models.VAMP(models.VAMPConfig(**common, number_components=components))


def _trainer(name: str, images: Tensor, folder: str, batch: int, model: Any) -> Any:
    from pythae import trainers
    from pythae.data.datasets import BaseDataset

    data = BaseDataset(images, torch.zeros(len(images)))
    common = {"output_dir": folder, "num_epochs": 10_000, "per_device_train_batch_size": batch, "no_cuda": True}
    rates = {"autoencoder": LEARNING_RATE, "encoder": LEARNING_RATE, "decoder": LEARNING_RATE, "discriminator": 1e-4}
    if name in ("factor-vae", "adversarial-ae"):
        own = {f"{player}_learning_rate": rates[player] for player in ("autoencoder", "discriminator")}
        return trainers.AdversarialTrainer(model, data, None, trainers.AdversarialTrainerConfig(**common, **own))
    if name == "vae-gan":
        own = {f"{player}_learning_rate": rates[player] for player in ("encoder", "decoder", "discriminator")}
        config = trainers.CoupledOptimizerAdversarialTrainerConfig(**common, **own)
        return trainers.CoupledOptimizerAdversarialTrainer(model, data, None, config)
    return trainers.BaseTrainer(model, data, None, trainers.BaseTrainerConfig(**common, learning_rate=LEARNING_RATE))
