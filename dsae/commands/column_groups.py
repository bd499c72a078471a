"""What a comparison of encoders shows: all measures, by group, and which way is better."""

from dataclasses import replace

from dsae.commands.columns import Group, Measure
from dsae.commands.point_columns import POINTS


def _keypoints(kind: str, title: str, unit: str, meaning: str) -> tuple[Measure, ...]:
    each = Measure(
        path=f"keypoints.*.{kind}_{unit}",
        title=title,
        unit=unit,
        better="lower",
        meaning=meaning,
        constant=f"keypoints.*.constant_{unit}",
    )
    mean = replace(
        each,
        path=f"keypoint_means.{kind}_{unit}",
        title=f"{title}, mean",
        meaning=f"{meaning.rstrip('.')}; mean over the keypoints.",
        constant=f"keypoint_means.constant_{unit}",
    )
    return mean, each


def _reconstruction(part: str, title: str, where: str) -> tuple[Measure, ...]:
    return (
        Measure(
            path=f"reconstruction.{part}mse",
            title=f"{title} MSE",
            unit="×10⁻³",
            scale=1000,
            better="lower",
            meaning=f"Mean squared error {where}, values in [0, 1].",
            constant=f"reconstruction.mean_image_{part}mse",
        ),
        Measure(
            path=f"reconstruction.{part}psnr",
            title=f"{title} PSNR",
            unit="dB",
            better="higher",
            digits=1,
            meaning=f"−10 log₁₀ of the MSE {where}.",
        ),
        Measure(
            path=f"reconstruction.{part}ssim",
            title=f"{title} SSIM",
            better="higher",
            digits=3,
            meaning=f"Structural similarity {where}, 1 for equal pictures.",
        ),
    )


_TRACKING, _TRACKING_EACH = _keypoints(
    "tracking", "one point", "px",
    "Mean distance of the best single feature point, after an affine map, from the keypoint.",
)  # fmt: skip
_PROBE, _PROBE_EACH = _keypoints(
    "probe", "linear", "px", "Mean error of a linear map of the whole code to the keypoint."
)
_PROBE_MM, _ = _keypoints(
    "probe", "linear", "mm", "Mean error of a linear map of the whole code to the place in space."
)
_MLP, _ = _keypoints(
    "mlp_probe", "MLP", "px", "Mean error of a network of two small layers on the whole code."
)
_MLP_MM, _ = _keypoints(
    "mlp_probe", "MLP", "mm", "The same for the place in space instead of in the image."
)
_IMAGE = _reconstruction("", "image", "over the whole image")
_FOREGROUND = _reconstruction(
    "foreground_", "foreground", "where the image differs from the background"
)
_CODE_SIZE = Measure(
    path="code_size", title="code", unit="numbers", digits=0, meaning="Length of the code."
)
_SECONDS = Measure(
    path="train_seconds",
    title="training",
    unit="s",
    digits=0,
    meaning="Wall time of the training, beside what ran at the same time; of an interrupted one "
    "the last part.",
)

GROUPS = (
    Group(
        title="Tracking: where things are, by one feature point",
        text="Point and affine map are chosen on training episodes, the error is that on held-out "
        "ones. Only encoders with feature points have it.",
        everyone=False,
        measures=(
            _TRACKING,
            _TRACKING_EACH,
            Measure(
                path="points.tracked_share",
                title="tracked",
                unit="%",
                scale=100,
                digits=0,
                better="higher",
                meaning="Share of the moving keypoints that a point tracks.",
            ),
        ),
    ),
    Group(
        title="Probes: where things are, by the whole code",
        text="A map from the code to the true places is fitted on training episodes and scored on "
        "held-out ones, in pixels of the image and in millimetres in space.",
        measures=(_PROBE, _PROBE_EACH, _MLP, _PROBE_MM, _MLP_MM),
    ),
    Group(
        title="State: does the code behave like one?",
        text="Nothing is fitted here.",
        measures=(
            Measure(
                path="state.knn_mse",
                title="KNN-MSE",
                unit="{unit}²",
                better="lower",
                meaning="Mean squared distance of the true states of frames whose codes are "
                "neighbours (k = 5).",
                truth="state.truth_knn_mse",
            ),
            Measure(
                path="state.knn_mse_other_episodes",
                title="KNN-MSE, other episodes",
                unit="{unit}²",
                better="lower",
                meaning="The same among frames of other episodes alone.",
                truth="state.truth_knn_mse_other_episodes",
            ),
            Measure(
                path="state.gtc_mean",
                title="GTC",
                better="higher",
                digits=2,
                meaning="Ground-truth correlation: for each true coordinate the largest "
                "correlation with a number of the code, averaged.",
            ),
            Measure(
                path="state.roughness",
                title="roughness",
                digits=2,
                meaning="Acceleration of the code over time, its variance being 1; noise has 6. "
                "Neither more nor less than the true state's is good.",
                truth="state.truth_roughness",
            ),
        ),
    ),
    Group(
        title="Reconstruction",
        text="Of held-out frames, at their own size and in their colours, whatever size the "
        "decoder draws: what it leaves out counts as error. The foreground is the few pixels that "
        "differ from the training frames' median; the constant guess draws the training frames' "
        "mean. A decoder that is given the robot's true state does not compete.",
        measures=(*_IMAGE, *_FOREGROUND),
    ),
    POINTS,
    Group(
        title="Latent variables",
        text="Encoders whose code has a prior.",
        everyone=False,
        measures=(
            Measure(
                path="latent.kl",
                title="KL",
                unit="nats",
                digits=1,
                meaning="Divergence of the code's distribution from the prior, mean per image.",
            ),
            Measure(
                path="latent.active_units",
                title="active",
                unit="numbers",
                digits=1,
                meaning="Numbers of the code whose mean varies by more than 0.01 over images.",
            ),
        ),
    ),
    Group(
        title="Disentanglement",
        text="How separately the code holds the true coordinates. What is learned is learned from "
        "training episodes and scored on held-out ones; MIG and modularity, which learn "
        "nothing, count over both. In recorded episodes the coordinates are correlated, so that "
        "even the true state scores less than the 1 of independent ones: its row is the "
        "yardstick. β-VAE and FactorVAE metric: how often the factor that was held still is "
        "guessed from the code. MIG and SAP: how far the number that knows a factor best is "
        "ahead of the next, in mutual information and in prediction. DCI: whether each number "
        "knows one factor (disentanglement), each factor is in one number (completeness), all "
        "can be predicted (informativeness). Modularity: whether each number shares information "
        "with one factor.",
        measures=(
            Measure(
                path="disentanglement.*",
                title="",
                better="higher",
                digits=2,
                meaning="",
                truth="truth_disentanglement.*",
            ),
        ),
    ),
    Group(
        title="Cost",
        text="On this machine, while other trainings ran beside.",
        measures=(
            _CODE_SIZE,
            Measure(
                path="parameters",
                title="parameters",
                unit="thousand",
                scale=0.001,
                digits=1,
                meaning="Trained numbers, the decoder's included.",
            ),
            Measure(
                path="encode_ms",
                title="encode",
                unit="ms",
                better="lower",
                digits=2,
                meaning="Median time to encode one image, on one thread.",
            ),
            Measure(path="steps", title="steps", digits=0, meaning="Updates that were taken."),
            _SECONDS,
        ),
    ),
)
OVERVIEW = Group(
    title="At a glance",
    text="",
    measures=(
        replace(_TRACKING, title="tracking"),
        replace(_PROBE, title="probe"),
        replace(_PROBE_MM, title="probe"),
        replace(_IMAGE[1], title="image", unit="PSNR, dB"),
        replace(_FOREGROUND[1], title="foreground", unit="PSNR, dB"),
        _CODE_SIZE,
        _SECONDS,
    ),
)
"""The figures that matter first, means over the keypoints; reconstruction as PSNR."""
RANKING = (_PROBE, _FOREGROUND[0], _IMAGE[0])
"""What encoders are ordered by: the first of these that any of them has."""
