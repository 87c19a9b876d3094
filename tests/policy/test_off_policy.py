"""Off-policy methods: truncated weights, searched bounds, centred windows, replay."""

import jax
import numpy as np
import pytest

from algax import Logits, chain, policy

from .compiled import loss_of, value_and_gradient

TOPR = policy.topr()


def gradient(loss, terms, log_probs):
    return value_and_gradient(loss, terms, np.asarray(log_probs, np.float32))[1]


# ----- TOPR ----------------------------------------------------------------------------------------------------------


def one_token(log_ratio, reward):
    """A response of one token whose ratio to the policy that sampled is exp(log_ratio)."""
    return policy.Terms(old_log_probs=np.full([1, 1], -2.0 - log_ratio), rewards=np.array([reward])), np.full([1, 1], -2.0)


@pytest.mark.parametrize(
    ("ratio", "reward", "weight"), [(0.1, -1.0, 0.1), (5.0, -1.0, 1.0), (0.1, 1.0, 1.0), (5.0, 1.0, 1.0), (1e-30, -1.0, 0.0)]
)
def test_topr_tapers_only_negatives(ratio, reward, weight):
    np.testing.assert_allclose(
        gradient(TOPR, *one_token(np.log(ratio), reward)), [[-reward * weight]], rtol=1e-5, atol=1e-12
    )


def test_topr_uses_the_product_over_the_response_and_drops_empty_rows():
    rng = np.random.default_rng(0)
    old, new = rng.normal(-2, 0.3, [3, 4]), rng.normal(-2, 0.3, [3, 4])
    mask = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [0, 0, 0, 0]])
    terms = policy.Terms(
        mask=mask, old_log_probs=old.astype(np.float32), rewards=np.array([-1.0, -1.0, -1.0])
    )
    ratios = np.exp(((new - old) * mask).sum(1))
    expected = np.minimum(ratios, 1.0)[:, None] * mask / 2.0  # two rows have tokens
    np.testing.assert_allclose(gradient(TOPR, terms, new), expected, rtol=1e-5)


def test_topr_on_policy_is_reinforce():
    rng = np.random.default_rng(1)
    log_probs = rng.normal(-2, 1, [4, 3]).astype(np.float32)
    terms = policy.Terms(old_log_probs=log_probs, rewards=np.array([1.0, -1.0, -1.0, 1.0]))
    value, slope = value_and_gradient(TOPR, terms, log_probs)
    expected_value, expected = value_and_gradient(policy.reinforce(), terms, log_probs)
    np.testing.assert_allclose(value, expected_value, rtol=1e-6)
    np.testing.assert_array_equal(slope, expected)


@pytest.mark.parametrize(
    ("intervals", "weights"),
    [
        (((1.0, 1.0), (1.0, 1.0)), (1.0, 1.0)),  # naive off-policy REINFORCE
        (((0.0, 1.0), (0.0, 1.0)), (1.0, 0.3)),  # truncated importance sampling
        (((0.0, float("inf")), (0.0, float("inf"))), (3.0, 0.3)),  # importance sampling
        (((1.0, 1.0), (0.0, 0.0)), (1.0, 0.0)),  # likelihood of the positive responses
    ],
)
def test_topr_special_cases(intervals, weights):
    loss = policy.topr(positive=intervals[0], negative=intervals[1])
    actual = [-gradient(loss, *one_token(np.log(ratio), reward))[0, 0] / reward for ratio, reward in ((3.0, 1.0), (0.3, -1.0))]
    np.testing.assert_allclose(actual, weights, rtol=1e-5)


def test_topr_baseline_moves_the_mass_of_the_positive_gradients():
    terms = policy.Terms(old_log_probs=np.full([5, 1], -2.0), rewards=np.array([1.0, -1.0, -1.0, -1.0, -1.0]))
    mass = np.abs(gradient(policy.topr(baseline=-0.5), terms, np.full([5, 1], -2.0)))[:, 0]
    np.testing.assert_allclose(mass[0] / mass.sum(), policy.effective_positive_fraction(0.2, -0.5), rtol=1e-5)


def test_effective_positive_fraction():
    np.testing.assert_allclose(policy.effective_positive_fraction(0.5, 0.2), 0.4)
    np.testing.assert_allclose(policy.effective_positive_fraction(0.2, -0.5), 3 / 7)
    for fraction in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(policy.effective_positive_fraction(fraction, 0.0), fraction)
    with pytest.raises(ValueError, match="`positive_fraction`"):
        policy.effective_positive_fraction(1.2, 0.0)
    with pytest.raises(ValueError, match="`baseline`"):
        policy.effective_positive_fraction(0.5, 1.0)


# ----- BAPO ----------------------------------------------------------------------------------------------------------


def stale_batch(seed=0, negative=True):
    rng = np.random.default_rng(seed)
    old = rng.normal(-1.5, 0.5, [4, 5])
    advantages = np.where(rng.random([4, 5]) < 0.5, 1.0, -1.0 if negative else 0.5)
    return old + rng.normal(0, 0.8, [4, 5]), old, advantages


def run_search(search, new, old, advantages):
    terms = policy.Terms(log_probs=new.astype(np.float32), old_log_probs=old.astype(np.float32), advantages=advantages)
    loss = chain(policy.token_ratio(), search)
    after = jax.jit(lambda terms: loss.update(terms, loss.init())[0])(terms)
    return jax.device_get({name: metric.value for name, metric in after.metrics.items()}), after


def reference_search(new, old, advantages, target, low, high, order, weighted):
    """The procedure as the paper tells it: a loop that raises one bound, then the other."""
    ratios, masses = np.exp(new - old), np.exp(old) if weighted else np.ones_like(old)

    def share(lower, upper):
        objective = masses * np.abs(
            np.minimum(ratios * advantages, np.clip(ratios, np.where(advantages > 0, 0.0, lower), upper) * advantages)
        )
        return objective[advantages > 0].sum() / objective.sum()

    lower, upper = low[0], high[0]
    for bound in ("upper", "lower") if order == "high_first" else ("lower", "upper"):
        while share(lower, upper) < target:
            if bound == "upper" and upper < high[1] - 1e-9:
                upper = min(upper + high[2], high[1])
            elif bound == "lower" and lower < low[1] - 1e-9:
                lower = min(lower + low[2], low[1])
            else:
                break
    return lower, upper, share(lower, upper)


@pytest.mark.parametrize("order", ["high_first", "low_first"])
@pytest.mark.parametrize("weighted", [True, False])
def test_search_stops_where_the_loop_stops(order, weighted):
    low, high = (0.5, 0.9, 0.15), (1.1, 2.0, 0.2)
    batch, stops = stale_batch(), set()
    start = reference_search(*batch, 0.0, low, high, order, weighted)[2]
    for target in (0.9 * start, 1.02 * start, 1.08 * start, 0.9):
        search = policy.search_bounds(target, low=low, high=high, order=order, behaviour_weight=weighted)
        expected = reference_search(*batch, target, low, high, order, weighted)
        found = run_search(search, *batch)[0]
        np.testing.assert_allclose([found["lower_bound"], found["upper_bound"], found["positive_share"]], expected, rtol=1e-5)
        stops.add(expected[:2])
    assert len(stops) >= 3, "starts, an interior stop and the ends"


def test_share_grows_with_the_upper_bound_alone():
    batch = stale_batch()
    starts = [run_search(policy.search_bounds(0.0, high=(high, 4.0, 1.0)), *batch)[0] for high in (1.2, 1.5, 2.0, 3.0)]
    assert np.all(np.diff([found["positive_share"] for found in starts]) > 0)
    starts = [run_search(policy.search_bounds(0.0, low=(low, 1.0, 1.0)), *batch)[0] for low in (0.2, 0.6, 0.9)]
    assert np.all(np.diff([found["positive_share"] for found in starts]) < 0)


def test_search_that_need_not_or_cannot_move():
    batch = stale_batch()
    found, after = run_search(policy.search_bounds(0.0), *batch)
    np.testing.assert_allclose([found["lower_bound"], found["upper_bound"]], [0.6, 1.2], rtol=1e-6)
    searched = loss_of(chain(policy.ppo_clip(), policy.token_mean()), after)
    unbounded = after.replace(lower_bounds=None, upper_bounds=None)
    fixed = loss_of(chain(policy.ppo_clip(low=0.4, high=0.2), policy.token_mean()), unbounded)
    np.testing.assert_allclose(searched, fixed, rtol=1e-6)
    search = policy.search_bounds(1.0)
    found, _ = run_search(search, *batch)
    np.testing.assert_allclose([found["lower_bound"], found["upper_bound"]], [0.9, 3.0], rtol=1e-6)
    found, _ = run_search(search, *stale_batch(negative=False))
    np.testing.assert_allclose([found["lower_bound"], found["upper_bound"]], [0.6, 1.2], rtol=1e-6)


# ----- ReMix ---------------------------------------------------------------------------------------------------------


def test_centred_window_in_numpy():
    rng = np.random.default_rng(2)
    behaviour, old, new, advantages = (rng.normal(size=[3, 4]) * s for s in (1.0, 1.0, 1.0, 2.0))
    old, new = behaviour + 0.4 * old, behaviour + 0.5 * new
    terms = policy.Terms(
        behaviour_log_probs=behaviour.astype(np.float32),
        old_log_probs=old.astype(np.float32),
        advantages=advantages.astype(np.float32),
    )
    loss = chain(policy.centred_ratio(low=0.1, high=0.3), policy.ppo_clip(), policy.token_mean())
    ratios, centre = np.exp(new - behaviour), np.exp(old - behaviour)
    surrogates = np.minimum(ratios * advantages, np.clip(ratios, centre - 0.1, centre + 0.3) * advantages)
    value, _ = value_and_gradient(loss, terms, new.astype(np.float32))
    np.testing.assert_allclose(value, -surrogates.mean(), rtol=1e-5)
    # Where the update starts the ratio is the centre: never clipped, with weight c A.
    np.testing.assert_allclose(gradient(loss, terms, old), -centre * advantages / 12, rtol=1e-5)


def test_on_policy_rows_are_plain_ppo():
    new, old, advantages = stale_batch(3)
    old = old.astype(np.float32)
    terms = policy.Terms(behaviour_log_probs=old, old_log_probs=old, advantages=advantages)
    centred = chain(policy.centred_ratio(), policy.ppo_clip(), policy.token_mean())
    plain = chain(policy.token_ratio(), policy.ppo_clip(), policy.token_mean())
    np.testing.assert_allclose(gradient(centred, terms, new), gradient(plain, terms, new), rtol=1e-6)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_convex_kl_is_the_kl_to_the_geometric_mixture():
    rng = np.random.default_rng(4)
    logits = rng.normal(size=[3, 2, 3, 5])
    current, base, previous = log_softmax(logits)
    unnormalised = 0.7 * base + 0.3 * previous
    log_normaliser = np.log(np.exp(unnormalised).sum(-1))
    expected = (np.exp(current) * (current - log_softmax(unnormalised))).sum(-1) - log_normaliser
    distributions = [Logits(x.astype(np.float32)) for x in logits]
    terms = policy.Terms(distribution=distributions[0], ref_distribution=distributions[1], old_distribution=distributions[2])

    def loss(mixture):
        return loss_of(chain(policy.convex_kl_penalty(1.0, mixture=mixture), policy.token_mean()), terms)

    np.testing.assert_allclose(loss(0.7), expected.mean(), rtol=1e-5)
    full = loss_of(chain(policy.full_kl_penalty(1.0), policy.token_mean()), terms)
    np.testing.assert_allclose(loss(1.0), full, rtol=1e-6)


def test_kl_mixture_schedule():
    values = jax.jit(jax.vmap(policy.kl_mixture_schedule()))(np.array([0, 50, 51, 60, 61, 100, 200]))
    np.testing.assert_allclose(values, [1.0, 1.0, 0.9, 0.9, 0.8, 0.5, 0.5], rtol=1e-6)


def test_remix_reads_its_schedule_at_the_step():
    rng = np.random.default_rng(5)
    logits = rng.normal(size=[3, 2, 2, 4]).astype(np.float32)
    zeros = np.zeros([2, 2])
    terms = policy.Terms(
        log_probs=zeros,
        old_log_probs=zeros,
        behaviour_log_probs=zeros,
        rewards=np.array([1.0, 0.0]),
        group_ids=np.array([1, 1]),
        distribution=Logits(logits[0]),
        ref_distribution=Logits(logits[1]),
        old_distribution=Logits(logits[2]),
    )
    at_step = loss_of(policy.remix(), terms.replace(step=np.asarray(61)))
    np.testing.assert_allclose(at_step, loss_of(policy.remix(mixture=0.8), terms), rtol=1e-5)


def test_mix_replay_takes_whole_rows_at_the_given_rate():
    rows, window = 4000, 2
    current = {"x": np.zeros([rows, 2], np.float32), "id": np.arange(rows, dtype=np.int32)}
    past = {
        "x": np.broadcast_to(np.arange(1, 1 + window, dtype=np.float32)[:, None, None], (window, rows, 2)),
        "id": np.broadcast_to(current["id"], (window, rows)),
    }
    mixed = jax.jit(policy.mix_replay(0.4))(jax.random.key(0), (current, past))
    np.testing.assert_array_equal(mixed["id"], np.arange(rows))
    drawn = np.asarray(mixed["x"])
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
    shares = np.bincount(drawn[:, 0].astype(int), minlength=3) / rows
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=5 * np.sqrt(0.24 / rows))
    same = jax.jit(policy.mix_replay(0.0))(jax.random.key(1), (current, past))
    jax.tree.map(np.testing.assert_array_equal, same, current)
