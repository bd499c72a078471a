"""Where to look first: linear discriminants of what is seen in the foreground.

A spatial softmax that begins with random weights sees a flat map, and a flat map hardly learns: the
gradient of a point is shared out among all cells, and a blob drawn far from an object does not tell
which way the object lies. Points that do not find an object early never do. Here each map begins
as a detector of one kind of thing that the foreground shows.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from dsae.nn.trunks import Trunk

MOST_CELLS = 150_000  # of all images together, that statistics are taken of
CLUSTERS = 3  # that colours are divided into, for each kind
KMEANS_STEPS = 8
FEWEST = 20  # cells of a cluster
SHRINKAGE = 0.05  # of the covariance towards a multiple of the identity, as a share of its trace
MARGIN = 12.0  # of a kind's mean activation over the mean of all cells: e^12 outweighs 1000 cells


@torch.no_grad()
def look_at(
    trunk: Trunk, images: torch.Tensor, foreground: torch.Tensor, generator: torch.Generator
) -> int:
    """Begin the maps of a trunk as detectors of the kinds of things that a foreground shows.

    Images are float (B, C, H, W), the foreground is bool (B, 1, h, w) of any size. Kinds are told
    apart by colour, and detected by what the layers before the last make of the images. Batch
    normalisation takes its statistics from these images too. Returns how many maps were given a
    kind; the others (there may be fewer kinds than maps) stay as they were.
    """
    images, foreground = (
        x[:: 1 + len(x) * math.prod(trunk.shape) // MOST_CELLS] for x in (images, foreground)
    )
    layers = list(trunk.layers)
    place, last = [(i, m) for i, m in enumerate(layers) if isinstance(m, nn.Conv2d)][-1]
    features = _seen_through(layers[:place], images)
    assert not isinstance(last.padding, str)
    patches = functional.unfold(features, last.kernel_size, 1, last.padding, last.stride)
    cells = patches.transpose(1, 2).flatten(0, 1)  # (B·h·w, D)
    small = functional.adaptive_avg_pool2d(images, trunk.shape)
    colours = functional.avg_pool2d(small, 3, 1, 1, count_include_pad=False)
    colours = colours.movedim(1, -1).flatten(0, 2)  # (B·h·w, C)
    inside = functional.adaptive_avg_pool2d(foreground.float(), trunk.shape) > 0.5
    rows = inside.flatten().nonzero()[:, 0]
    if not len(rows):
        return 0
    kind = kinds(colours[rows].cpu(), last.out_channels, generator)
    weights = discriminants(cells, rows, kind.to(rows.device))
    last.weight[: len(weights)] = weights.view(-1, *last.weight.shape[1:])
    if last.bias is not None:
        last.bias[: len(weights)] = 0
    return len(weights)


def kinds(colours: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """Divide colours (N, C) into at most `count` kinds, (N,) numbers.

    By k-means into more clusters first, whose centres begin far apart (k-means++, Arthur &
    Vassilvitskii 2007); of these, those farthest from each other are taken: a colour that few cells
    have keeps a kind of its own, and many shades of one thing share one.
    """
    centres = colours[torch.randint(len(colours), (1,), generator=generator)]
    for _ in range(CLUSTERS * count - 1):
        far = torch.cdist(colours, centres).amin(dim=1).square()
        if not far.any():
            break
        centres = torch.cat([centres, colours[torch.multinomial(far, 1, generator=generator)]])
    for _ in range(KMEANS_STEPS):
        nearest = torch.cdist(colours, centres).argmin(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, colours)
        sizes = torch.bincount(nearest, minlength=len(centres)).unsqueeze(1)
        centres = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
    centres = centres[sizes.flatten() >= min(FEWEST, int(sizes.max()))]
    chosen = [int(torch.randint(len(centres), (1,), generator=generator))]
    while len(chosen) < min(count, len(centres)):
        chosen.append(int(torch.cdist(centres, centres[chosen]).amin(dim=1).argmax()))
    return torch.cdist(colours, centres[chosen]).argmin(dim=1)


def discriminants(features: torch.Tensor, rows: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
    """Return for each kind the weights, (kinds, D), that tell it from everything.

    Features are (N, D) of all cells, `rows` (M,) numbers of some of them, `kind` (M,) theirs.

        w_k = MARGIN · Σ⁻¹ (μ_k − μ) / (μ_k − μ)ᵀ Σ⁻¹ (μ_k − μ)

    Fisher's linear discriminant with the mean and covariance of all cells (Hariharan, Malik &
    Ramanan 2012 detect objects so), scaled so that the mean of kind k lies `MARGIN` above μ.
    """
    mean = features.mean(dim=0)
    centred = features - mean
    covariance = centred.T @ centred / len(features)
    ridge = SHRINKAGE * covariance.diagonal().mean().clamp(min=1e-12)
    covariance = covariance + ridge * torch.eye(len(covariance)).to(covariance)
    numbers = kind.unique()
    means = torch.stack([centred[rows[kind == k]].mean(dim=0) for k in numbers])
    weights = torch.linalg.solve(covariance, means.T).T
    return MARGIN * weights / (weights * means).sum(dim=1, keepdim=True)


def _seen_through(layers: list[nn.Module], images: torch.Tensor) -> torch.Tensor:
    """Return what layers make of images; batch normalisation then knows these images alone."""
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    momenta, training = [norm.momentum for norm in norms], [norm.training for norm in norms]
    for norm in norms:
        norm.train().momentum = 1.0
    features = nn.Sequential(*layers)(images)
    for norm, momentum, before in zip(norms, momenta, training, strict=True):
        norm.train(before).momentum = momentum
    return features
