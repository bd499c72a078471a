"""How far each dimension of a code stands for one factor of variation alone.

Codes are float (N, D), factors int or float (N, F), rows beside each other: arrays, whatever they
come from. Every score is at best 1; `disentanglement` gives all of them.
"""

from collections.abc import Collection

import numpy as np

from dsae.metrics.disentanglement.fixed_factor import beta_vae_score, factor_vae_score
from dsae.metrics.disentanglement.information import mig, modularity
from dsae.metrics.disentanglement.prediction import DCI, dci, sap
from dsae.metrics.disentanglement.sources import Generated, Recorded, Source

__all__ = [
    "DCI",
    "Generated",
    "Recorded",
    "Source",
    "beta_vae_score",
    "dci",
    "disentanglement",
    "factor_vae_score",
    "mig",
    "modularity",
    "sap",
]


def disentanglement(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    categorical: Collection[int] = (),
    seed: int = 0,
    fitted: np.ndarray | None = None,
) -> dict[str, float]:
    """Return every score of codes (N, D) on factors (N, F), by name.

    `categorical` are the columns of factors whose values have no order. What is learned is scored
    on rows that it did not see. Rows of a video are not independent: `fitted`, bool (N,), then says
    which ones, those of some episodes, are learned from, and the others are scored; without it a
    random half is learned from. `mig` and `modularity` learn nothing and count over all rows: over
    few episodes, a code that knows no more than which one it is would seem to know the factors.
    Floors: `beta_vae` about 1/F for a code that tells nothing, and `factor_vae` 1/F unless the code
    is constant (then 0).

    Raises DsaeError for arrays that do not fit together or hold values that are not finite.
    """
    rng = np.random.default_rng(seed)
    train, test = Recorded(codes, factors).halves(rng, fitted)
    parts = dci(codes, factors, categorical=categorical, seed=seed, fitted=fitted)
    return {
        "beta_vae": beta_vae_score(train, test, rng),
        "factor_vae": factor_vae_score(train, test, rng),
        "mig": mig(codes, factors),
        "sap": sap(codes, factors, categorical=categorical, seed=seed, fitted=fitted),
        **{f"dci_{name}": value for name, value in parts._asdict().items()},
        "modularity": modularity(codes, factors),
    }
