"""Dissimilarity of data and their reconstructions in the features of a trained network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from zoo.checkpoints.checkpoint import CONFIG, WEIGHTS, read_config
from zoo.checkpoints.weights import read_weights
from zoo.encoders import Encoder
from zoo.errors import ComponentError, ZooError, unknown_name
from zoo.model import LatentSamples, Model
from zoo.registry import find_component, register
from zoo.registry.catalogue import pretrained_files
from zoo.regularisers import Regulariser, check_decodes, reconstructed
from zoo.spec.model import ModelSpec
from zoo.spec.options import construct
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import at_least_float32

if TYPE_CHECKING:
    from typing_extensions import Self


@register("regulariser", "deep_features")
class DeepFeatures(Regulariser):
    r"""Half the squared distance of data and their reconstructions in the features of a trained encoder.

    The term is ½‖F(x) − F(x̃)‖². With the objective ``vae`` and ``reconstruction_weight: 0`` it replaces the
    log-likelihood (deep feature consistent VAE). F is the encoder of a pretrained model that is included in the
    package, so nothing is downloaded. It is not trained, and is saved with the model. The term is not a log-density:
    the loss has no unit and is not a bound. Choose ``data_critic`` for features that are learned together with the
    model.

    Args:
        weight: weight of the term; with a KL term in nats, fewer latents remain active if it is smaller.
        pretrained: the model with the encoder F, from ``zoo-cli list pretrained``. A convolutional encoder accepts
            images of any size with its number of channels.

    Raises:
        ComponentError: there is no such model, its encoder does not take the data, or the data have no range.

    Source:
        Hou et al. (2017), Deep Feature Consistent Variational Autoencoder, section 3.2.
        https://arxiv.org/abs/1610.00291

    Example:
        >>> import zoo
        >>> features = {"name": "deep_features", "pretrained": "vae-conv-16d.digits"}
        >>> model = zoo.build(
        ...     "vae-conv-16d", objective={"reconstruction_weight": 0}, regularisers={"features": features}
        ... )
        >>> model.unit_of("features"), model.unit_of("loss")
        ('squared distance of features', None)
    """

    unit: ClassVar[str] = "squared distance of features"
    compares_data: ClassVar[bool] = True

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        data_range: tuple[float, float] | None,
        weight: NonNegativeWeight = 100.0,
        pretrained: str = "vae-conv-16d.digits",
    ) -> None:
        super().__init__(weight)
        self.encoder, (low, high) = _pretrained_encoder(pretrained, tuple(data_shape))
        self.encoder.requires_grad_(False).eval()
        if data_range is None:
            raise ComponentError(
                "expected data with a smallest and a largest value, which are mapped to those that the encoder was "
                "trained on, got data without a range",
                remedy="Use data with `scale: unit`, or the regulariser `data_critic`.",
            )
        self.factor = (high - low) / (data_range[1] - data_range[0])
        self.shift = low - self.factor * data_range[0]

    def train(self, mode: bool = True) -> Self:
        """Keep the encoder in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a model that decodes latents to data."""
        check_decodes(spec, model)

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return ½‖F(x) − F(x̃)‖², the mean over the batch."""
        x, reconstruction = (self.factor * data + self.shift for data in reconstructed(samples))
        with torch.no_grad():
            target = at_least_float32(self.encoder(x))
        difference = at_least_float32(self.encoder(reconstruction)) - target
        return 0.5 * difference.flatten(1).square().sum(1).mean()


def _pretrained_encoder(name: str, data_shape: tuple[int, ...]) -> tuple[Encoder, tuple[float, float]]:
    """Return the trained encoder of a model of the package, for data of a shape, and the range of its own data."""
    files = {each: path.parent / each for each, path in pretrained_files().items()}
    shelf = {each: folder for each, folder in files.items() if (folder / WEIGHTS).is_file()}
    if name not in shelf:
        problem, remedy = unknown_name("pretrained model of the package", name, shelf)
        raise ComponentError(problem, where="pretrained", remedy=remedy)
    spec = read_config(shelf[name] / CONFIG)
    if spec.encoder is None or spec.data_range is None or spec.classes:
        raise ComponentError(
            f"expected a model with an encoder of data alone, got {name!r}",
            where="pretrained",
            remedy="Use `vae-conv-16d.digits`.",
        )
    given: dict[str, Any] = {"data_shape": data_shape, "condition_dim": 0}
    weights = read_weights(shelf[name] / WEIGHTS)
    own = {key.removeprefix("encoder."): tensor for key, tensor in weights.items() if key.startswith("encoder.")}
    try:
        component = find_component("encoder", spec.encoder.name, where="pretrained")
        encoder: Encoder = construct(component, spec.encoder.options, given, "pretrained")
        encoder.load_state_dict(own)
    except (ZooError, RuntimeError) as error:
        raise ComponentError(
            f"the encoder of {name!r} was trained on data of shape {spec.data_shape}, and does not take {data_shape}",
            where="pretrained",
            remedy="Use a model whose data have this shape; a convolutional encoder takes images of any size with as "
            "many channels as its own.",
        ) from error
    return encoder, spec.data_range
