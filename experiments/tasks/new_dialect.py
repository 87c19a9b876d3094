"""A language model that goes on learning in a new dialect: the order of its texts, and the mixture of their topics."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

import algax
from algax import curriculum, pretrain
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

TOPICS, TOKENS, LENGTH = 4, 8, 16  # topics, each with tokens of its own, and predicted tokens of a text
SHARES = (0.55, 0.25, 0.15, 0.05)  # of the topics
GROUP, REPLAYED = 8, 0.8  # new texts a step, one group of five; the others are of the old dialect
STEPS, BUCKETS, MEASURED = 320, 8, 20  # updates; parts of the order by difficulty; steps between measurements of the topics
SHARPNESS, NOISE, RATE = 1.5, 0.5, 4.0  # standard deviation of logits, most noise of a text, rate of SGD
STEP_SIZE = 0.2  # of the topics' rates


def draw_texts(key: jax.Array, chain: jax.Array, topics: jax.Array, noise: jax.Array) -> jax.Array:
    """Texts `[N, 17]` by logits `[topics, tokens, tokens]`; with probability `noise`, `[N]`, a token is any one."""
    first_key, next_key = jax.random.split(key)

    def step(now, key):
        noise_key, token_key = jax.random.split(key)
        random = jax.random.uniform(noise_key, now.shape) < noise
        return jax.random.categorical(token_key, jnp.where(random[:, None], 0.0, chain[topics, now])), now

    start = jax.random.randint(first_key, topics.shape, 0, TOKENS)
    return jax.lax.scan(step, start, jax.random.split(next_key, LENGTH + 1))[1].T


def _log_probs(params, dialects, topics, tokens):
    """Of texts `[N, 17]` but for their first tokens; what both dialects share, and what each has of its own."""
    topics, now = topics[:, None], tokens[:, :-1]
    logits = params["shared"][topics, now] + params["own"][dialects[:, None], topics, now]
    return algax.Logits(logits).log_probs(tokens[:, 1:])


def _forward(params, terms, key):
    del key
    return terms.replace(log_probs=_log_probs(params, **terms.inputs))


def topic_nlls(params: Any, chains: jax.Array, dialect: int) -> jax.Array:
    """Expected loss in endless texts of each topic in a dialect without noise, `[topics]`, in nats a token."""
    chances = jax.nn.softmax(chains[dialect])
    long_run = chances
    for _ in range(7):
        long_run = long_run @ long_run
    predicted = jax.nn.log_softmax(params["shared"] + params["own"][dialect])
    return -jnp.einsum("ts,tsx,tsx->t", long_run[:, 0], chances, predicted)


def _draw(key):
    keys = jax.random.split(key, 7)
    old = SHARPNESS * jax.random.normal(keys[0], (TOPICS, TOKENS, TOKENS))
    chains = jnp.stack([old, old + SHARPNESS * jax.random.normal(keys[1], old.shape)])
    topics = jax.random.choice(keys[2], TOPICS, (STEPS * GROUP,), p=jnp.asarray(SHARES))
    noise = NOISE * jax.random.uniform(keys[3], topics.shape)
    texts = draw_texts(keys[4], chains[1], topics, noise), draw_texts(keys[5], old, topics, jnp.zeros_like(noise))
    problem = {
        "chains": chains,
        "texts": {"dialects": jnp.ones_like(topics), "topics": topics, "tokens": texts[0]},
        "old": {"dialects": jnp.zeros_like(topics), "topics": topics, "tokens": texts[1]},
        "params": {"shared": old, "own": jnp.zeros((2, *old.shape))},
        "key": keys[6],
    }
    target = _trained(problem, "random order")["curve"][-1]
    return {**problem, "target": target}


def text_order(problem: Any, method: str) -> jax.Array:
    """Which text comes when, `[N]`: in random order, or in parts by the loss at the start, easy ones first."""
    key, texts = jax.random.fold_in(problem["key"], 0), problem["texts"]
    sizes = [STEPS * GROUP // BUCKETS] * BUCKETS
    if method == "random order":
        return curriculum.phase_order(key, sizes, stacked=True)
    scores = -jnp.sum(_log_probs(problem["params"], **texts), axis=1)
    return jnp.argsort(scores)[curriculum.phase_order(key, sizes)]


@functools.partial(jax.jit, static_argnums=1)
def _trained(problem, method):
    """The loss in the new dialect after every step, the rise of the old one's, and the worst topic's perplexity."""
    chains, texts = problem["chains"], problem["texts"]
    tx = optax.chain(algax.gradient(pretrain.next_token(), _forward), optax.sgd(RATE))
    mix, topics = curriculum.replay_mix(REPLAYED), curriculum.topic_mixture(SHARES, step_size=STEP_SIZE)
    groups = round(1 / (1 - REPLAYED))
    adaptive = method == "adaptive topics"
    order = None if adaptive else text_order(problem, method)

    def chosen(key, step, rates):
        """The new texts of a step, by number."""
        if not adaptive:
            return jax.lax.dynamic_slice_in_dim(order, step * GROUP, GROUP)
        counts = jnp.bincount(texts["topics"], length=TOPICS).astype(jnp.float32)
        return jax.random.categorical(key, jnp.log(rates / counts)[texts["topics"]], shape=(GROUP,))

    def advance(carry, step):
        params, state, mixture = carry
        pick_key, old_key, mix_key = jax.random.split(jax.random.fold_in(problem["key"], 1 + step), 3)
        numbers = chosen(pick_key, step, topics.weights(mixture))
        # Five times the same group, of which one stays.
        new = jax.tree.map(lambda x: jnp.broadcast_to(x[numbers][None], (groups, *x[numbers].shape)), texts)
        chosen_old = jax.random.randint(old_key, (groups, GROUP), 0, STEPS * GROUP)
        old = jax.tree.map(lambda x: x[chosen_old], problem["old"])
        rows = jax.tree.map(lambda x: x.reshape(groups * GROUP, *x.shape[2:]), mix(mix_key, (new, old)))
        terms = pretrain.Terms(inputs=rows, tokens=rows["tokens"][:, 1:], mask=jnp.ones((groups * GROUP, LENGTH), bool))
        updates, state = tx.update(None, state, params, terms=terms)
        params = optax.apply_updates(params, updates)
        nlls = topic_nlls(params, chains, 1)
        feedback = curriculum.TopicPerplexities(jnp.exp(nlls), jnp.full([TOPICS], step % MEASURED == 0))
        followed = topics.update(mixture, feedback)
        mixture = jax.tree.map(lambda x, y: jnp.where(step % MEASURED == 0, x, y), followed, mixture)
        return (params, state, mixture), jnp.dot(nlls, jnp.asarray(SHARES))

    start = (problem["params"], tx.init(problem["params"]), topics.init())
    (params, _, _), curve = jax.lax.scan(advance, start, jnp.arange(STEPS))
    before, after = (jnp.dot(topic_nlls(p, chains, 0), jnp.asarray(SHARES)) for p in (problem["params"], params))
    return {"curve": curve, "rise": jnp.log(after / before), "worst": jnp.max(topic_nlls(params, chains, 1))}


def new_dialect(model: Any, method: str = "easy first") -> Task:
    """Texts of a new dialect, two in ten of every batch, which is a change of the old dialect's transitions.

    Of a text up to half of the tokens are noise. Topics have 55, 25, 15 and 5 % of the texts.

    Args:
        model: none; the model is a table of transitions for both dialects and one for each, and knows the old one exactly.
        method: "random order" goes through 2560 new texts once; "easy first" in eight parts by their loss at the start,
            shuffled within; "adaptive topics" draws them by rates that follow the topics' perplexities, see
            `curriculum.topic_mixture`.

    Returns:
        a task that answers at once, with the metrics `log_used` (logarithm of the share of new tokens until the loss in the
        new dialect, without noise, was that of random order at its end), `old_rise` (of the logarithm of the loss in the old
        dialect) and `log_worst` (logarithm of the worst topic's perplexity).
    """
    del model

    def answer(problem, key, method):
        del key
        found = _trained(problem, method)
        there = found["curve"] <= problem["target"]
        used = jnp.where(jnp.any(there), jnp.argmax(there) + 1, STEPS).astype(jnp.float32) / STEPS
        return jnp.stack([jnp.log(used), found["rise"], found["worst"]])

    names = ("random order", "easy first", "adaptive topics")
    methods = {name: lambda problem, key, name=name: answer(problem, key, name) for name in names}
    fields = ("log_used", "old_rise", "log_worst")
    return answers(_draw, 3, methods, method, lambda answer, problem: dict(zip(fields, answer, strict=True)))
