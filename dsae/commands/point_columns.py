"""What a comparison shows of feature points."""

from dsae.commands.columns import Group, Measure

POINTS = Group(
    title="Feature points",
    text="What the points of the encoders that have some are good for. Every point is dead, or "
    "else duplicate, or else background or following; only the last two need labels. Best is "
    "told by what no dead or motionless points can have: points that follow, and coverage "
    "beyond chance.",
    everyone=False,
    measures=(
        Measure(path="points.count", title="points", digits=0, meaning="Number of points."),
        Measure(
            path="points.dead_count",
            title="dead",
            digits=1,
            meaning="Points that hardly move or have no place.",
        ),
        Measure(
            path="points.duplicate_count",
            title="duplicate",
            digits=1,
            meaning="Living points that repeat another one.",
        ),
        Measure(
            path="points.background_count",
            title="background",
            digits=1,
            meaning="Points that move but follow no keypoint.",
        ),
        Measure(
            path="points.following_count",
            title="following",
            better="higher",
            digits=1,
            meaning="Points that follow a keypoint: it explains half of their movement on "
            "held-out episodes or more.",
        ),
        Measure(
            path="points.temporal_consistency",
            title="consistency in time",
            digits=2,
            meaning="How steadily the living points move from frame to frame, at most 1; "
            "good is what the true keypoints have.",
            truth="points.truth_temporal_consistency",
        ),
        Measure(
            path="points.coverage_above_chance",
            title="coverage beyond chance",
            unit="%",
            scale=100,
            digits=0,
            better="higher",
            meaning="Share of the foreground that is near a point, less the share of the whole "
            "image that is.",
        ),
        Measure(
            path="points.mass_mean",
            title="softmax mass",
            digits=2,
            meaning="How sharply the softmax maps are peaked: mass around the point, of 1. It "
            "depends on the size of the maps' cells.",
        ),
        Measure(
            path="points.spread_mean",
            title="spread",
            digits=2,
            meaning="How far the points move, in halves of the image's shorter side.",
        ),
    ),
)
