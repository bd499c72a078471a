"""What a demo leaves behind: its figures, its page, and what it prints in the end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.dataset import Dataset
from dsae import report
from dsae.charts import Curve, curves
from dsae.commands import circumstances, runs
from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.rollout import RESULTS_FILE
from dsae.commands.stages import Stage
from dsae.commands.state import POINTS_FILE
from dsae.logger import read_metrics
from dsae.state.judging import percent
from envs.tasks import push

STATES = {
    "oracle": ("oracle", "told the block's true position by the simulator"),
    "dsae": ("spatial autoencoder", "sees 16 learned points in the image"),
    "vae": ("VAE", "sees a VAE's code of the image"),
    "blind": ("no vision", "knows nothing about the block"),
}
ENCODERS = ("dsae", "vae")
SEARCHES = {"oracle": "oracle", "dsae": "state-search", "blind": "blind"}
"""What trajectories are optimised on (`lqr_flm`), with the folder of those that are learned."""
_SUCCESS_KEYS = ("successes", "episodes", "success_rate", "interval95", "median_distance_m")


def gather(out: Path, seconds: Mapping[str, float], elapsed: float) -> dict[str, Any]:
    """Return every figure of the report under plain names; seconds are by the stages' names."""
    dataset = Dataset.open(out / "data")
    rollouts = {state: runs.read_json(out / f"rollout-{state}" / RESULTS_FILE) for state in STATES}
    oracle, ours, blind = (rollouts[s]["success_rate"] for s in ("oracle", "dsae", "blind"))
    return {
        "episodes": len(dataset),
        "frames": sum(dataset.lengths),
        "encoders": {
            name: runs.read_json(out / f"encoder-{name}" / EVALUATION_FILE) for name in ENCODERS
        },
        "points": next(iter(runs.read_json(out / "state-dsae" / POINTS_FILE).values()))["scores"],
        "success": {
            state: {key: figures[key] for key in _SUCCESS_KEYS}
            for state, figures in rollouts.items()
        },
        "searches": searches(out),
        "learned_share_of_oracle": ours / oracle if oracle else None,
        "learned_points_above_blind": 100 * (ours - blind),
        "stage_seconds": dict(seconds),
        "total_seconds": elapsed,
        **circumstances.here(),
    }


def searches(out: Path) -> dict[str, list[dict[str, float]]]:
    """Return what is told of each iteration of the optimised trajectories, by state.

    The last row of each is of the controller that was chosen.
    """
    return {
        state: [
            {"rollouts": row["rollouts"], "distance_m": row["distance"]}
            for row in read_metrics(out / f"search-{state}")
        ]
        for state in SEARCHES
    }


def write_page(out: Path, steps: int, stages: Sequence[Stage], results: dict[str, Any]) -> None:
    """Write report.html, everything in it taken from `results`; `steps` are of the encoders."""
    success = results["success"]
    spatial, vae = (results["encoders"][name] for name in ENCODERS)
    report.write_report(
        out / "report.html",
        "demo.html.j2",
        quick=results["quick"],
        point_count=len(spatial["points"]["spread"]),
        ours=success["dsae"],
        oracle=success["oracle"],
        blind=success["blind"],
        episodes=results["episodes"],
        frames=results["frames"],
        **spatial["image"],
        sheet=report.embed(out / "sheet.png"),
        overlay=report.embed(out / "overlay.mp4"),
        rollout=report.embed(out / "rollout.mp4"),
        state=report.embed(out / "state.mp4"),
        points=results["points"] or [],
        held_out_frames=spatial["held_out_frames"],
        keypoints=spatial["keypoints"],
        vae_keypoints=vae["keypoints"],
        px=lambda value: "–" if value is None else f"{value:.2f}",
        percent=percent,
        success_cm=f"{100 * push.CLOSE:.0f}",
        bars=[
            {"title": title, "text": text, "ours": state == "dsae", **success[state]}
            for state, (title, text) in STATES.items()
        ],
        steps=steps,
        code_size=spatial["code_size"],
        total_seconds=results["total_seconds"],
        machine=results["machine"],
        titles={
            "oracle": "on the simulator's state",
            "dsae": "on the points",
            "blind": "without vision",
        },
        search=search_chart(results["searches"]),
        searched={state: rows[-1] for state, rows in results["searches"].items()},
        stages=[
            {"title": s.title, "command": s.command, "seconds": results["stage_seconds"][s.name]}
            for s in stages
        ],
    )


def search_chart(searches: Mapping[str, list[dict[str, float]]]) -> str:
    """Return the distance that was left to the goal, over all rollouts made so far."""
    drawn = [
        Curve(
            STATES[state][0],
            tuple((row["rollouts"], 100 * row["distance_m"]) for row in rows),
            number=list(searches).index(state),
            control=state not in ENCODERS,
        )
        for state, rows in searches.items()
    ]
    top = 1.05 * max(y for curve in drawn for _, y in curve.points)
    return curves(drawn, x="rollouts", y="distance to the goal [cm]", top=top)


def summary(results: dict[str, Any]) -> str:
    """Return what a person wants to know, as text."""
    lines = ["", "tracking error on held-out episodes (best single point):"]
    keypoints = results["encoders"]["dsae"]["keypoints"]
    for name, row in keypoints.items():
        if row["tracking_px"] is not None:
            width = results["encoders"]["dsae"]["image"]["width"]
            lines.append(
                f"  {name.replace('_', ' '):20}{row['tracking_px']:6.2f} px of {width}"
                f"   (constant guess {row['constant_px']:.1f})"
            )
    lines.append("success on fresh seeds:")
    for state, (title, _) in STATES.items():
        figures = results["success"][state]
        low, high = figures["interval95"]
        lines.append(
            f"  {title:20}{figures['success_rate']:7.0%}   (95 % interval {low:.0%} to {high:.0%})"
        )
    lines.append("distance that an optimised trajectory leaves to the goal:")
    for state, rows in results["searches"].items():
        cm, rollouts = 100 * rows[-1]["distance_m"], rows[-1]["rollouts"]
        lines.append(f"  {STATES[state][0]:20}{cm:6.1f} cm   (after {rollouts:.0f} rollouts)")
    lines.append(f"{results['total_seconds'] / 60:.1f} minutes")
    return "\n".join(lines)
