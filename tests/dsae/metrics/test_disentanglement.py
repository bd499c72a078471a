import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from dsae.errors import DsaeError
from dsae.metrics.disentanglement import (
    Generated,
    Recorded,
    beta_vae_score,
    dci,
    disentanglement,
    factor_vae_score,
    mig,
    modularity,
    sap,
)
from dsae.metrics.disentanglement.discrete import (
    discretise,
    entropy,
    mutual_information,
)

SIZES = (3, 6, 40, 32)
CATEGORICAL = (0,)
CHANCE = 1 / len(SIZES)


def some_factors(count: int = 4000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(SIZES, size=(count, len(SIZES)))


def standard(factors: np.ndarray) -> np.ndarray:
    return (factors - factors.mean(axis=0)) / factors.std(axis=0)


def rotated(factors: np.ndarray) -> np.ndarray:
    """A mixture in which every dimension knows as much of each factor (a Hadamard matrix)."""
    return standard(factors) @ np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]])


@pytest.fixture(scope="module")
def factors() -> np.ndarray:
    return some_factors()


def test_the_factors_themselves_score_best(factors: np.ndarray) -> None:
    scores = disentanglement(factors.astype(float), factors, categorical=CATEGORICAL)
    assert scores["beta_vae"] == 1
    assert scores["factor_vae"] == 1
    assert scores["mig"] >= 0.95
    assert scores["dci_disentanglement"] >= 0.95
    assert scores["dci_completeness"] >= 0.95
    assert scores["dci_informativeness"] >= 0.95
    assert scores["modularity"] >= 0.99
    assert scores["sap"] >= 0.85  # by its definition below 1 for classes: the rest can guess


@pytest.mark.parametrize("monotone", [lambda v: v, np.exp])
def test_continuous_factors_themselves_score_best(monotone: np.ufunc) -> None:
    factors = np.random.default_rng(0).normal(size=(4000, 3))
    scores = disentanglement(monotone(factors), factors)
    for name in ("beta_vae", "mig", "dci_disentanglement", "modularity"):
        assert scores[name] >= 0.95


def test_a_factor_that_two_dimensions_hold_leaves_no_gap(factors: np.ndarray) -> None:
    scores = disentanglement(np.repeat(factors, 2, axis=1).astype(float), factors)
    assert scores["mig"] <= 0.1
    assert scores["sap"] <= 0.1
    assert scores["dci_completeness"] < 0.8
    for name in ("beta_vae", "factor_vae", "dci_disentanglement", "modularity"):
        assert scores[name] >= 0.95  # each dimension still holds one factor alone


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_a_constant_code_scores_nothing(factors: np.ndarray, value: float) -> None:
    codes = np.full((len(factors), 6), value, np.float32)
    scores = disentanglement(codes, factors, categorical=CATEGORICAL)
    assert scores.pop("beta_vae") == pytest.approx(CHANCE, abs=0.05)
    assert set(scores.values()) == {0.0}


def test_noise_scores_chance(factors: np.ndarray) -> None:
    codes = np.random.default_rng(1).normal(size=(len(factors), 6))
    scores = disentanglement(codes, factors, categorical=CATEGORICAL)
    assert scores["beta_vae"] == pytest.approx(CHANCE, abs=0.05)
    assert scores["factor_vae"] == pytest.approx(CHANCE, abs=0.07)
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness", "dci_informativeness"):
        assert scores[name] <= 0.1


def test_a_mixture_informs_but_does_not_disentangle(factors: np.ndarray) -> None:
    scores = disentanglement(rotated(factors), factors, categorical=CATEGORICAL)
    assert scores["dci_informativeness"] > 0.8
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness"):
        assert scores[name] <= 0.2
    assert scores["beta_vae"] < 0.9
    assert scores["factor_vae"] < 0.6


def test_constant_dimensions_beside_the_factors_change_little(factors: np.ndarray) -> None:
    padded = np.column_stack([standard(factors), np.zeros((len(factors), 3))])
    scores = disentanglement(padded, factors, categorical=CATEGORICAL)
    for name in ("beta_vae", "factor_vae", "mig", "dci_disentanglement", "dci_completeness"):
        assert scores[name] >= 0.95
    assert scores["modularity"] == pytest.approx(4 / 7, abs=0.01)


@pytest.mark.parametrize("make", [standard, rotated])
def test_order_scale_and_place_of_dimensions_do_not_matter(make, factors: np.ndarray) -> None:
    codes = make(factors)
    changed = codes[:, [2, 0, 3, 1]] * [1e-3, -7.0, 1e4, 1.0] + [0, 3, -2, 1]
    before, after = (disentanglement(c, factors, categorical=CATEGORICAL) for c in (codes, changed))
    for name, value in before.items():
        # A sum in another order, and a tie between equal splits, may end otherwise.
        assert after[name] == pytest.approx(value, abs=0.03), name


def test_the_same_seed_gives_the_same_scores(factors: np.ndarray) -> None:
    codes = rotated(factors)
    assert disentanglement(codes, factors, seed=3) == disentanglement(codes, factors, seed=3)


def test_factors_that_do_not_vary_do_not_count(factors: np.ndarray) -> None:
    codes = standard(factors[:, 1:])
    held = np.column_stack([factors[:, 1:], np.full(len(factors), 5)])
    assert mig(codes, held) == mig(codes, factors[:, 1:])
    assert sap(codes, held) == sap(codes, factors[:, 1:])
    assert dci(codes, held) == dci(codes, factors[:, 1:])
    still = np.ones((100, 2))
    assert mig(codes[:100], still) == sap(codes[:100], still) == max(dci(codes[:100], still)) == 0


def test_mutual_information_and_entropy_equal_the_definitions() -> None:
    rng = np.random.default_rng(0)
    factors = rng.integers((2, 7), size=(500, 2))
    codes = (factors[:, [1]] + rng.integers(3, size=(500, 3))) // 2
    found = mutual_information(codes, factors)
    for d, f in np.ndindex(3, 2):
        expected = mutual_info_score(codes[:, d], factors[:, f])
        assert found[d, f] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(mutual_information(factors, factors).diagonal(), entropy(factors))


def test_mig_of_a_known_table() -> None:
    """A bit that one dimension holds, and another in one case of two: H = 1, I = 0.311 bits."""
    factor = np.tile([0, 0, 1, 1], 100)[:, None]
    half = np.tile([0, 0, 0, 1], 100)
    expected = 1 - 0.31127812445913283
    assert mig(np.column_stack([factor, half]), factor) == pytest.approx(expected)
    # One dimension alone is compared with nothing.
    assert mig(factor, factor) == pytest.approx(1)


def test_modularity_of_a_known_table() -> None:
    rng = np.random.default_rng(0)
    factors = np.array(list(np.ndindex(2, 2, 2)) * 50)
    both = 2 * factors[:, 0] + factors[:, 1]
    codes = np.column_stack([both, factors[:, 2]])
    # The first knows one bit of two factors: 1 − 1/2; the second one bit of one: 1.
    assert modularity(codes[rng.permutation(400)][:0:-1], factors[:399]) < 1
    assert modularity(codes, factors) == pytest.approx(0.75)


def test_sap_is_the_gap_of_squared_correlations() -> None:
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(20_000, 1))
    codes = factor + rng.normal(size=(20_000, 2)) * [0.5, 1.0]
    assert sap(codes, factor) == pytest.approx(1 / 1.25 - 1 / 2, abs=0.02)
    assert sap(codes[:, :1], factor) == pytest.approx(1 / 1.25, abs=0.02)


def test_sap_of_a_class_with_no_order_is_a_gap_of_accuracies() -> None:
    """Thresholds tell three classes apart wherever they lie; a line could not."""
    classes = np.random.default_rng(0).integers(3, size=(3000, 1))
    folded = np.array([0.0, 5.0, 1.0])[classes]
    codes = np.column_stack([folded, np.zeros(3000)])
    assert sap(codes, classes, categorical=(0,)) == pytest.approx(1 - 1 / 3)
    assert sap(codes, classes) < 0.2


def test_dci_separates_disentangled_from_complete() -> None:
    """One dimension for two factors is complete but entangled; two for one the other way round."""
    factors = np.random.default_rng(0).integers(4, size=(4000, 2))
    both = dci(4.0 * factors[:, :1] + factors[:, 1:], factors)
    assert both.completeness == 1
    assert both.disentanglement < 0.05
    assert both.informativeness > 0.99
    each = dci(np.hstack([factors[:, [0]] // 2, factors[:, [0]] % 2]).astype(float), factors[:, :1])
    assert each.disentanglement == 1
    assert each.completeness < 0.6


def test_a_generator_and_its_records_agree(factors: np.ndarray) -> None:
    """Both sources of a noisy mixture give the same two scores, but for chance."""
    mixing = np.random.default_rng(1).normal(size=(4, 3))
    mean, scale = some_factors().mean(axis=0), some_factors().std(axis=0)

    def encode(values: np.ndarray) -> np.ndarray:
        return (values - mean) / scale @ mixing

    generated = Generated(SIZES, encode)
    recorded = Recorded(encode(factors), factors).halves(np.random.default_rng(2))
    for score in (beta_vae_score, factor_vae_score):
        made = score(generated, generated, np.random.default_rng(3))
        found = score(*recorded, np.random.default_rng(4))
        assert 0.35 < made < 0.95
        assert found == pytest.approx(made, abs=0.07)


@pytest.mark.parametrize("factor", range(4))
def test_groups_share_one_factor_and_no_other(factor: int, factors: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    generated = Generated(SIZES, lambda values: values)
    for source in (generated, Recorded(factors, factors)):
        groups = source.sharing(rng, factor, 400, 5)
        assert groups.shape == (400, 5, 4)
        same = (groups == groups[:, :1]).all(axis=1)
        assert same[:, factor].all()
        assert np.delete(same, factor, axis=1).mean() < 0.05
        shares = np.bincount(groups[:, 0, factor].astype(int), minlength=SIZES[factor]) / 400
        assert shares.max() < 2.5 / SIZES[factor] + 0.03


def test_recorded_groups_of_a_continuous_factor_share_a_quantile() -> None:
    rng = np.random.default_rng(0)
    factors = rng.exponential(size=(2000, 2))
    classes = discretise(factors)
    assert (np.bincount(classes[:, 0]) == 100).all()
    source = Recorded(np.column_stack([classes, np.arange(2000)]), factors)
    groups = source.sharing(rng, 1, 300, 2)
    assert (groups[:, 0, 1] == groups[:, 1, 1]).all()
    assert (groups[:, 0, 2] != groups[:, 1, 2]).all()  # never a row with itself


def test_halves_share_no_row(factors: np.ndarray) -> None:
    numbered = Recorded(np.arange(len(factors))[:, None], factors)
    one, other = numbered.halves(np.random.default_rng(0))
    assert sorted([*one.codes[:, 0], *other.codes[:, 0]]) == list(range(len(factors)))


def test_a_number_for_each_episode_is_no_knowledge_of_its_frames() -> None:
    """A code that names the episode at random says nothing of episodes that were not seen."""
    rng = np.random.default_rng(0)
    episodes = np.repeat(np.arange(60), 50)
    time = np.tile(np.linspace(0, 1, 50), 60)[:, None]
    # Every episode goes along one side, a short way from its own place.
    factors = rng.normal(size=(60, 3))[episodes] + 0.1 * time
    codes = rng.normal(size=(60, 1))[episodes]
    assert dci(codes, factors).informativeness > 0.9  # learned by heart
    fitted = episodes < 40
    fair = disentanglement(codes, factors, fitted=fitted)
    assert fair["dci_informativeness"] < 0.1
    assert fair["beta_vae"] == pytest.approx(1 / 3, abs=0.1)
    exact = disentanglement(factors, factors, fitted=fitted)
    assert exact["dci_informativeness"] > 0.9
    assert exact["beta_vae"] > 0.95


def test_what_is_fitted_is_not_scored(factors: np.ndarray) -> None:
    fitted = np.arange(len(factors)) < 1000
    codes = standard(factors)
    codes[fitted] = codes[fitted][::-1]  # wrong where it is learned, right where it is scored
    scores = disentanglement(codes, factors, fitted=fitted)
    assert scores["sap"] > 0.9
    assert scores["dci_informativeness"] < 0.1
    one, other = Recorded(np.arange(4000)[:, None], factors).halves(
        np.random.default_rng(0), fitted
    )
    assert one.codes[:, 0].tolist() == list(range(1000))
    assert other.codes[:, 0].tolist() == list(range(1000, 4000))


@pytest.mark.parametrize("fitted", [np.ones(9, bool), np.ones(10, bool), np.zeros(10, bool)])
def test_rows_are_needed_to_learn_from_and_to_score(fitted: np.ndarray) -> None:
    values = np.random.default_rng(0).normal(size=(10, 2))
    for score in (disentanglement, sap, dci):
        with pytest.raises(DsaeError, match="learns from some of the 10 rows"):
            score(values, values, fitted=fitted)


def test_adagrad_agrees_where_the_scale_is_fair(factors: np.ndarray) -> None:
    codes = standard(factors)
    halves = Recorded(codes, factors).halves(np.random.default_rng(0))
    for scale, low, high in ((1.0, 0.98, 1.0), (1e-4, 0.0, 0.5)):
        scaled = [Recorded(scale * half.codes, half.factors) for half in halves]
        rng = np.random.default_rng(1)
        assert low <= beta_vae_score(*scaled, rng, classifier="adagrad") <= high
        assert beta_vae_score(*scaled, rng) == 1


def test_few_rows_are_no_error() -> None:
    rng = np.random.default_rng(0)
    scores = disentanglement(rng.normal(size=(12, 3)), rng.normal(size=(12, 2)))
    assert all(0 <= value <= 1 for value in scores.values())


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (np.ones(5), np.ones((5, 1)), r"codes \(N, D\)"),
        (np.ones((5, 2)), np.ones((4, 1)), "the same N"),
        (np.ones((1, 2)), np.ones((1, 1)), "two rows"),
        (np.ones((5, 0)), np.ones((5, 1)), "one column"),
        (np.full((5, 1), np.nan), np.ones((5, 1)), "finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    codes: np.ndarray, factors: np.ndarray, message: str
) -> None:
    for score in (disentanglement, mig, modularity, sap, dci):
        with pytest.raises(DsaeError, match=message):
            score(codes, factors)
