"""The figures of an evaluation as text, in groups with a title, within 100 columns."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

WIDTH = 100
LABEL = 26  # columns of a row's label
CELL = 12  # columns of a figure, at least

Figures = dict[str, Any]

ERRORS = {
    "tracking": "tracking, one point",
    "untrained_tracking": "untrained tracking",
    "probe": "linear probe",
    "mlp_probe": "MLP probe",
    "untrained_probe": "untrained probe",
    "pixels_probe": "pixels probe",
    "constant": "constant",
}
"""Rows of the keypoints' errors."""
KINDS = ("dead", "duplicate", "background", "following")
"""Kinds of feature points; those that follow a keypoint are the ones of use."""


def table(figures: Figures) -> str:
    """Return all figures as text."""
    lines = [
        f"code of {figures['code_size']} numbers, {figures['parameters']:,} parameters, "
        f"{figures['encode_ms']:.2f} ms per image"
    ]
    for group in (_reconstruction, _latent, _points, _keypoints, _state, _disentanglement):
        found = list(group(figures))
        if found:
            lines += ["", *found]
    return "\n".join(lines)


def _reconstruction(figures: Figures) -> Iterator[str]:
    found = figures["reconstruction"]
    if not found:
        return
    yield _row("reconstruction", ["MSE", "mean image", "PSNR [dB]", "SSIM"])
    for label, part in (("whole image", ""), ("foreground", "foreground_")):
        if found[f"{part}mse"] is not None:
            yield _row(
                label,
                [
                    _number(found[f"{part}mse"], 5),
                    _number(found[f"mean_image_{part}mse"], 5),
                    _number(found[f"{part}psnr"], 1),
                    _number(found[f"{part}ssim"], 3),
                ],
            )


def _latent(figures: Figures) -> Iterator[str]:
    found = figures["latent"]
    if found:
        yield (
            f"posterior: KL to the prior {found['kl']:.2f} nats, {found['active_units']} of "
            f"{len(found['kl_per_dimension'])} units active (their mean varies by more than 0.01)"
        )


def _points(figures: Figures) -> Iterator[str]:
    found = figures["points"]
    if not found:
        return
    kinds = [f"{len(found[kind])} {kind}" for kind in KINDS
             if kind in found]  # fmt: skip
    masses = found["mean_softmax_mass"]
    text = f"{found['count']} points: {', '.join(kinds)}"
    yield text + (f"; mean softmax mass {sum(masses) / len(masses):.2f}" if masses else "")
    if _known(found.get("tracked_share")):
        yield (
            f"  {found['tracked_share']:.0%} of {found['keypoints_counted']} moving keypoints "
            f"tracked ({found['tracked_share_sae_rl']:.0%} by the limit of SAE-RL)"
        )
    if _known(found["temporal_consistency"]):
        truth = found.get("truth_temporal_consistency")
        beside = f" (true keypoints {truth:.2f}, jitter −0.50)" if _known(truth) else ""
        yield f"  temporal consistency {found['temporal_consistency']:.2f}{beside}"
    if _known(found["coverage"]):
        yield (
            f"  {found['coverage']:.0%} of the foreground is near a point, "
            f"{found['coverage_by_chance']:.0%} by chance"
        )


def _keypoints(figures: Figures) -> Iterator[str]:
    rows = figures["keypoints"]
    cell = max([CELL, *(len(name) + 2 for name in rows)])
    at_once = max(1, (WIDTH - LABEL) // cell)
    names = list(rows)
    for start in range(0, len(names), at_once):
        block = names[start : start + at_once]
        for unit, title in (
            ("px", f"error in pixels of {figures['image']['width']}"),
            ("mm", "error in mm"),
        ):
            if f"constant_{unit}" not in rows[block[0]]:
                continue
            yield _row(title, block, cell)
            for key, label in ERRORS.items():
                values = [rows[name].get(f"{key}_{unit}", "") for name in block]
                if values[0] != "":
                    yield _row(label, [_number(value, 2) for value in values], cell)


def _state(figures: Figures) -> Iterator[str]:
    found = figures["state"]
    columns = {"this code": "", "untrained": "untrained_", "pixels": "pixels_", "truth": "truth_"}
    there = {title: key for title, key in columns.items() if f"{key}roughness" in found}
    rows = {"roughness (noise 6)": ("roughness", 3)}
    if "unit" in found:
        unit = f"{found['unit']}²"
        rows = {
            f"KNN-MSE [{unit}]": ("knn_mse", 6),
            "  of other episodes": ("knn_mse_other_episodes", 6),
            "GTC, mean": ("gtc_mean", 3),
            **rows,
        }
    yield _row("state", list(there))
    for label, (key, digits) in rows.items():
        values = [found.get(f"{prefix}{key}", "") for prefix in there.values()]
        yield _row(label, [v if v == "" else _number(v, digits) for v in values])


def _disentanglement(figures: Figures) -> Iterator[str]:
    found = figures.get("disentanglement")
    if not found:
        return
    true = figures.get("truth_disentanglement") or {}
    yield "disentanglement of the true coordinates"
    yield _row("", ["this code", *["truth"] * bool(true)])
    for name, value in found.items():
        pair = [value, true[name]] if true else [value]
        yield _row(f"  {name.replace('_', ' ')}", [_number(one, 3) for one in pair])


def _row(label: str, cells: Sequence[str], cell: int = CELL) -> str:
    return (f"{label:{LABEL}}" + "".join(f"{text:>{cell}}" for text in cells)).rstrip()


def _known(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def _number(value: float | None, digits: int) -> str:
    return f"{value:.{digits}f}" if value is not None and _known(value) else "–"
