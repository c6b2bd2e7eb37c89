"""Paths between two codes, decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import torch
from matplotlib.axes import Axes
from pydantic import Field
from torch import Tensor

from zoo.analysis.codes import Codes, class_means, encode_split, typical_examples
from zoo.analysis.decoding import decoder_of
from zoo.analysis.paths import Decode, PathKind, find_path, path_length
from zoo.analysis.projection import Projection, principal_plane
from zoo.analysis.spaces import FlatSpace, LatentSpace, space_of
from zoo.drawing.style import COLOURS, axis_names, new_figure, short_name
from zoo.drawing.view import View
from zoo.drawing.views import view_of
from zoo.errors import DataError, NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register

Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
_STYLES = ("-", "--", "-.", ":")


class DecodedPath(NamedTuple):
    """A path in the latent space and what it decodes to.

    Attributes:
        kind: such as linear, spherical or geodesic.
        codes: (S, d).
        data: (S, *data_shape).
        length: in the data space, of prepared values.
    """

    kind: str
    codes: Tensor
    data: Tensor
    length: float


@register("figure", "interpolation")
class Interpolation(Figure):
    """Decoded paths from one code to another: straight, spherical, and along the decoder's pull-back geodesic.

    Where latents are points of a sphere or of a hyperbolic ball, paths stay there: in place of the straight line there
    is the shortest path of that space, a great circle or a hyperbolic line. A map shows each path among the codes of
    the data, in two dimensions or on their principal plane; the length of the path in the data space is written
    beside what it decodes to.

    Args:
        pairs: two classes each, or two examples each; null: from 1 to 7 and from 1 to 4 where there are such
            classes, else the first two.
        between: ``class_examples``, a typical example of each class; ``class_means``, the mean of its codes, which may
            lie among the codes of another class; ``examples``, by their index in the split; null: the first where
            there are labels, else the last.
        steps: examples on a path.
        paths: kinds of path: ``linear``, ``spherical`` (at equal angles around the origin), ``shortest`` in the latent
            space (a straight line, a great circle or a hyperbolic line) and ``geodesic`` (shortest in the data space);
            null: all that the latent space has.
        label: the class to decode, for a conditional model.

    Source:
        White (2016), Sampling Generative Networks. https://arxiv.org/abs/1609.04468
        Shao, Kumar & Fletcher (2018), The Riemannian Geometry of Deep Generative Models.
        https://arxiv.org/abs/1711.08014
    """

    def __init__(
        self,
        *,
        pairs: list[Pair] | None = None,
        between: Literal["class_examples", "class_means", "examples"] | None = None,
        steps: Annotated[int, Field(ge=2)] = 11,
        paths: list[PathKind] | None = None,
        label: int = 0,
    ) -> None:
        self.pairs, self.between, self.steps, self.paths, self.label = pairs, between, steps, paths, label

    def check(self, context: EvaluationContext) -> None:
        """Require data that can be drawn, a model that encodes and decodes them, and two examples."""
        view_of(context.model)
        context.require_continuous_latents()
        context.require_reconstruction()
        context.require_examples(2)
        space = space_of(context.model)
        leaving = [kind for kind in self.paths or () if kind in ("linear", "spherical")]
        if leaving and not isinstance(space, FlatSpace):
            raise NotApplicableError(
                f"{leaving[0]} paths leave the space in which the latents lie; choose `shortest` or `geodesic`"
            )

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a row of panels for each pair: the map, and what each path decodes to."""
        codes = encode_split(context.model, context.split, 5000)
        decode, space = decoder_of(context.model, self.label), space_of(context.model)
        ends = self._ends(codes, space, context)
        usual: list[PathKind] = ["linear", "spherical"] if isinstance(space, FlatSpace) else ["shortest"]
        found = []
        for start, end in ends.values():
            paths = []
            for kind in self.paths or [*usual, "geodesic"]:
                path = _path_in(space, kind, start, end, self.steps, decode)
                name = space.shortest_path_name if kind == "shortest" else kind
                with torch.no_grad():
                    paths.append(DecodedPath(name, path, decode(path), path_length(decode, path)))
            found.append(paths)
        return plot_interpolation(found, list(ends), codes, view_of(context.model))

    def _ends(self, codes: Codes, space: LatentSpace, context: EvaluationContext) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the two codes of each pair, by its title."""
        several = codes.labels is not None and len(codes.labels.unique()) > 1
        between = self.between or ("class_examples" if several else "examples")
        of_classes = between != "examples"
        if between == "class_means":
            # The mean of points of a sphere lies inside it.
            places = {label: space.points(space.coordinates(mean)) for label, mean in class_means(codes).items()}
        elif between == "class_examples":
            chosen = typical_examples(codes)
            places = {label: codes.means[example] for label, example in chosen.items()}
        else:
            places = dict(enumerate(codes.means))
        names = (of_classes and context.split.info.class_names) or tuple(map(str, range(max(places) + 1)))
        title = "class {} to class {}" if of_classes else "example {} to example {}"
        pairs = self.pairs or ([[1, 7], [1, 4]] if of_classes and {1, 4, 7} <= set(places) else [])
        pairs = pairs or [list(places)[:2]]
        for number in (number for pair in pairs for number in pair):
            if number not in places:
                kind = "class" if of_classes else "example"
                raise DataError(f"there is no {kind} {number} among those shown", where="interpolation.pairs")
        return {title.format(short_name(names[a]), short_name(names[b])): (places[a], places[b]) for a, b in pairs}


def _path_in(space: LatentSpace, kind: PathKind, start: Tensor, end: Tensor, steps: int, decode: Decode) -> Tensor:
    """Return a path (steps, d) that stays in the latent space."""
    if kind == "shortest":
        return space.shortest_path(start, end, steps)
    ends = space.coordinates(start), space.coordinates(end)
    return space.points(find_path(kind, *ends, steps, lambda each: decode(space.points(each))))


def plot_interpolation(
    pairs: Sequence[Sequence[DecodedPath]], titles: Sequence[str], codes: Codes, view: View
) -> MatplotlibFigure:
    """Plot a row for each pair: its paths on the plane of the codes, and what each path decodes to."""
    flat = codes.means.shape[1] > 1
    width, height = view.sequences_size(len(pairs[0]), len(pairs[0][0].codes))
    figure = new_figure(width + 1.4 + 2.9 * flat, max(height + 0.6, 2.7) * len(pairs))
    ratios = [2.6, width] if flat else [1]
    grid = figure.subplots(len(pairs), len(ratios), squeeze=False, width_ratios=ratios)
    for panels, paths, title in zip(grid, pairs, titles, strict=True):
        if flat:
            _draw_map(panels[0], paths, codes.means, principal_plane(codes.means))
        words = [f"{path.kind}\nlength {path.length:.3g}" for path in paths]
        view.draw_sequences(panels[-1], torch.stack([path.data for path in paths]), words)
        panels[-1].set_title(title)
    if flat:
        handles, names = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=len(names), fontsize="small")
    return figure


def _draw_map(axes: Axes, paths: Sequence[DecodedPath], means: Tensor, plane: Projection) -> None:
    axes.plot(*plane(means).T.numpy(), ".", color="0.75", markersize=1.5, zorder=0, rasterized=True)
    for index, path in enumerate(paths):
        axes.plot(
            *plane(path.codes).T.numpy(),
            _STYLES[index % len(_STYLES)],
            marker=".",
            markersize=3,
            linewidth=1,
            color=COLOURS[index % len(COLOURS)],
            label=path.kind,
        )
    names = axis_names(plane, short=True)
    axes.set(xlabel=names[0], ylabel=names[1])
