"""A small recipe around each part of the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.spec.resolve import merge

MLP: Mapping[str, Any] = {
    "preset": "vae-mlp-2d",
    "encoder": {"widths": [32]},
    "decoder": {"widths": [32]},
}
MAPS: Mapping[str, Any] = {
    "objective": "vae",
    "latent_dim": 4,
    "encoder": {"name": "conv", "channels": [8, 8]},
    "posterior": {"name": "vector_quantized", "codes": 8},
    "prior": "uniform_codes",
    "decoder": {"name": "conv_map", "channels": [8, 8]},
    "likelihood": "bernoulli",
}
CRITIC = {"name": "total_correlation_critic", "weight": 5.0, "width": 16, "depth": 2}
SMALL_CRITIC = {"width": 16, "depth": 2}
LEVELS = {"latent_dim": 4, "posterior": "top_down", "prior": "top_down"}
CONDITIONAL = {"classes": 10, "prior": "class_gaussian", "conditioned": ["prior"]}
VAMP = {"prior": {"name": "vamp", "components": 5}}
FLOW = {"posterior": "autoregressive_flow"}
SPARSE: Mapping[str, Any] = {
    "preset": "sparse-ae-top-k-512d",
    "latent_dim": 128,
    "posterior": {"k": 8},
    "regularisers": {"auxiliary": {"dead_after": 100}, "nested": {"name": "matryoshka", "groups": [32]}},
}


def _small(preset: str, kind: str) -> dict[str, Any]:
    """Return a preset with a small encoder and decoder of a kind."""
    sizes = {"widths": [32]} if kind == "mlp" else {"channels": [8, 8]}
    return {"preset": preset, "encoder": sizes, "decoder": sizes}


MODELS: dict[str, Mapping[str, Any]] = {
    "vamp": merge(MLP, VAMP),
    "class gaussian": merge(MLP, CONDITIONAL),
    "mmd": merge({**MLP, "preset": "ae-mlp-2d"}, {"regularisers": {"mmd": {"name": "mmd", "weight": 10.0}}}),
    "critic": merge(MLP, {"regularisers": {"tc": CRITIC}}),
    "two critics": merge(MLP, {"regularisers": {"tc": CRITIC, "more": {**CRITIC, "weight": 1.0}}}),
    "factor vae": merge(_small("factor-vae-mlp-10d", "mlp"), {"regularisers": {"total_correlation": SMALL_CRITIC}}),
    "factor vae, convolutional": merge(
        _small("factor-vae-conv-10d", "conv"), {"regularisers": {"total_correlation": SMALL_CRITIC}}
    ),
    "adversarial autoencoder": merge(
        _small("adversarial-ae-mlp-10d", "mlp"), {"regularisers": {"codes": {"width": 16}}}
    ),
    "adversarial autoencoder, convolutional": merge(
        _small("adversarial-ae-conv-10d", "conv"), {"regularisers": {"codes": {"width": 16}}}
    ),
    "vae-gan": merge(_small("vae-gan-conv-10d", "conv"), {"regularisers": {"images": {"channels": [8, 8]}}}),
    "ms-ssim vae": _small("ms-ssim-vae-conv-10d", "conv"),
    "deep features": _small("dfc-vae-conv-10d", "conv"),
    "mixture fitted": merge({**MLP, "preset": "ae-mlp-2d"}, {"fitted_prior": {"name": "mixture", "components": 3}}),
    "latent denoiser fitted": merge(
        {**MLP, "preset": "cvae-mlp-2d"},
        {"fitted_prior": {"name": "latent_denoiser", "network": {"name": "mlp", "width": 16}, "sampling_steps": 5}},
    ),
    "two-stage vae fitted": merge(MLP, {"fitted_prior": {"name": "two_stage", "widths": [16]}}),
    "codes": {**MAPS, "fitted_prior": {"name": "pixelcnn", "width": 8, "depth": 2}},
    "codes, flat decoder": {**MAPS, "decoder": {"name": "mlp", "widths": [32]}},
    "hierarchy": {**MLP, **LEVELS, "decoder": "top_down"},
    "hierarchy, free bits": {**MLP, **LEVELS, "objective": {"name": "vae", "free_bits": 0.5}},
    "hierarchy of maps": {
        **_small("ladder-vae-conv-4d", "conv"),
        "posterior": {"width": 8},
        "prior": {"levels": [1, 2], "width": 8},
    },
    "residual scalars": {
        **MAPS,
        "latent_dim": 2,
        "posterior": {"name": "finite_scalar", "levels": [5, 4], "codebooks": 2},
    },
    "hierarchy under iwae": {
        **MLP,
        **LEVELS,
        "objective": {"name": "iwae", "num_samples": 3, "gradient": "dreg"},
    },
    "flow": merge(MLP, FLOW),
    "vamp with flow": merge(merge(MLP, VAMP), FLOW),
    "sparse": SPARSE,
    "sparse batches": {**SPARSE, "posterior": {"name": "batch_top_k", "k": 8, "decay": 0.9}},
    "thresholds": {**SPARSE, "posterior": {"name": "jump_relu", "l0_penalty": 0.01}},
    "noisy input": {**MLP, "corruption": "masking"},
    "iwae": {**MLP, "objective": {"name": "iwae", "num_samples": 3, "gradient": "dreg"}},
}


def recipe(name: str) -> dict[str, Any]:
    training = {"batch_size": 32, "checkpoint_every": {"steps": 3}, "optimizer": {"lr": 3e-3}}
    return {
        "name": "part",
        "model": MODELS[name],
        "data": {"name": "digits", "subset": 160, "binarise": "static"},
        "train": {"epochs": 3, **training},
        "fit": {"epochs": 2, **training} if "fitted_prior" in MODELS[name] else None,
        "evaluate": {"metrics": [{"name": "mse"}], "figures": []},
    }
