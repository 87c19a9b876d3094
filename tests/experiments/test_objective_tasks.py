"""The small tasks of gaps, markers, prompts and orders, against rows written out by hand and figures of NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import models, pretrain, supervised
from algax.experiments import tasks
from algax.experiments.tasks import fitting
from algax.experiments.tasks.filled_cycles import closed
from algax.experiments.tasks.gapped_texts import described

from .toy import module, table

KEY = jax.random.key(0)


def test_a_gap_is_told_by_what_is_around_it():
    tokens = jnp.array([[9, 3, 22, 5, 21, 22, 4, 4, 21]])
    prefix = jnp.arange(9)[None] < 5
    told = np.asarray(jax.jit(described)(pretrain.DecoderInputs(tokens, jnp.ones((1, 9), bool), prefix)))[0]
    expected = [[21, 0, -1, 0, 0], [3, 5, 0, 0, 0], [4, 5, 0, 1, 0], [4, 5, 0, 2, 0], [5, 0, 1, 0, 0]]
    np.testing.assert_array_equal(told[4:], expected)


def test_what_is_left_out_at_the_end_is_written():
    task = tasks.gapped_texts(table(23), denoisers=(pretrain.Denoiser(None, 0.25, "sequential"),))
    texts = np.random.default_rng(0).integers(1, 9, (3, 64))
    context = {"texts": pretrain.token_batch(jnp.asarray(texts)), "key": KEY}
    found = jax.tree.map(np.asarray, jax.jit(task.memory)(context))
    np.testing.assert_array_equal(found["tokens"][:, :16], texts[:, 48:])
    np.testing.assert_array_equal(found["mask"], np.broadcast_to(np.arange(43) < 16, (3, 43)))
    np.testing.assert_array_equal(found["inputs"][:, :16, 0], texts[:, 47:63])
    np.testing.assert_array_equal(found["inputs"][0, :18, 3], [*range(16), 16, 16])
    assert (found["inputs"][..., 4] == 2).all() and (found["inputs"][:, :16, 1:3] == [0, -1]).all()


def test_markers_say_domain_and_length():
    rng = np.random.default_rng(0)
    rules = rng.permuted(np.tile(np.arange(8), (8, 1)), axis=1)
    most = {"domains": 8, "operands": 8, "lengths": 3}
    train = {name: rng.integers(0, size, 4000) for name, size in most.items()}
    train = {**train, "lengths": 1 + train["lengths"], "cues": train["domains"] + 8 * rng.integers(0, 8, 4000)}
    context = jax.tree.map(lambda x: jnp.asarray(x, jnp.int32), {"rules": rules, "train": train})
    task = tasks.marked_examples(table(95), batch_size=40)
    marked = jax.tree.map(np.asarray, jax.jit(lambda key: task.batch(None, context, 0, key))(KEY))
    for row in range(40):
        cue, operand = marked.inputs[row, 0] - 4, marked.inputs[row, 1] - 68
        written = marked.tokens[row][marked.mask[row]]
        answer = [76 + rules[cue % 8, operand]] * (written[2] - 91) + [3]
        assert written[0] == 1 and written[1] == 84 + cue % 8
        np.testing.assert_array_equal(written[3:], [2, *answer])


def test_prompts_ask_and_answer():
    opinions = module("prompted_opinions")
    texts = jnp.arange(24).reshape(2, 12) + 10
    asked, said = (np.asarray(x) for x in jax.jit(lambda x: (opinions.asked(x), opinions.said(x, jnp.array([1, 0]))))(texts))
    words = [[opinions.SPECIAL[token] for token in row] for row in np.concatenate([asked, said])[:, 12:]]
    assert words == [["It", "was", word, "."] for word in ("[MASK]", "[MASK]", "great", "terrible")]
    np.testing.assert_array_equal(said[:, :12], texts)
    rng = np.random.default_rng(0)
    sizes = {"words": (opinions.VOCABULARY, 12), "hidden": (36, 24), "out": (24, opinions.VOCABULARY)}
    params = {name: rng.normal(size=size) for name, size in sizes.items()}
    tokens = np.array([[5, 0, 9, 30]])
    vectors = np.where((tokens == 0)[..., None], 0.0, params["words"][tokens])[0]
    seen = np.concatenate([(vectors.sum(0) - vectors[2]) / 12**0.5, vectors[1], vectors[3]])
    found = jax.jit(opinions.logits)(jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), params), jnp.asarray(tokens))
    np.testing.assert_allclose(found[0, 2], np.tanh(seen @ params["hidden"]) @ params["out"], rtol=1e-3, atol=1e-3)


def test_easy_texts_come_first(monkeypatch):
    dialect = module("new_dialect")
    for name, value in {"STEPS": 4, "GROUP": 3, "BUCKETS": 2}.items():
        monkeypatch.setattr(dialect, name, value)
    rng = np.random.default_rng(0)
    tables = rng.normal(size=(4, 8, 8))
    logs = tables - np.log(np.exp(tables).sum(-1, keepdims=True))
    topics, tokens = rng.integers(0, 4, 12), rng.integers(0, 8, (12, 17))
    texts = {"dialects": np.ones(12, int), "topics": topics, "tokens": tokens}
    params = {"shared": tables, "own": np.zeros((2, 4, 8, 8))}
    problem = jax.tree.map(
        lambda x: jnp.asarray(x, jnp.float32 if x.dtype == float else jnp.int32), {"texts": texts, "params": params}
    )
    order = np.asarray(jax.jit(lambda p: dialect.text_order({**p, "key": KEY}, "easy first"))(problem))
    scores = np.array([-logs[t, row[:-1], row[1:]].sum() for t, row in zip(topics, tokens, strict=True)])
    assert sorted(order[:6]) == sorted(np.argsort(scores)[:6]) and sorted(order) == list(range(12))
    chances = np.exp(logs)
    power = np.linalg.matrix_power(chances, 100)[:, 0]
    expected = -np.einsum("ts,tsx,tsx->t", power, chances, logs)
    found = jax.jit(lambda p: dialect.topic_nlls(p["params"], jnp.stack([p["params"]["shared"]] * 2), 1))(problem)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_last_gap_is_closed():
    batch = pretrain.Seq2SeqBatch(
        jnp.ones((1, 3), int), jnp.ones((1, 3), bool), jnp.array([[22, 4, 21, 6, 0, 0]]), jnp.arange(6)[None] < 4
    )
    found = jax.jit(closed)(batch)
    np.testing.assert_array_equal(found.targets, [[22, 4, 21, 6, 20, 0]])
    np.testing.assert_array_equal(found.targets_mask, [[1, 1, 1, 1, 1, 0]])


def test_sums_are_right_and_cost_the_same():
    domain = module("domain_models")
    rows = np.asarray(jax.jit(lambda key: domain.draw_sums(key, 6))(KEY)).reshape(6, 5, 7)
    np.testing.assert_array_equal(rows[..., 0] + rows[..., 2], 10 * rows[..., 4] + rows[..., 5])
    assert (rows[..., [1, 3, 6]] == [10, 11, 12]).all()
    counts = [
        sum(x.size for x in jax.tree.leaves(jax.eval_shape(models.MLP((width, 25)).init, KEY, jnp.zeros([1, 150]))))
        for width in (24, 96)
    ]
    assert domain.same_compute(600, 544) == round(600 * counts[0] / counts[1])
    seen = np.asarray(jax.jit(domain.seen_characters)(jnp.array([[3, 1, 24]]))).reshape(3, 6, 25)
    np.testing.assert_array_equal(seen.argmax(-1)[2], [0, 0, 0, 3, 1, 24])
    np.testing.assert_array_equal(seen.sum(-1), [[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]])


def test_steps_on_an_experts_path():
    steps = module("reasoned_steps")
    rng = np.random.default_rng(0)
    starts, goals, cells = rng.integers(0, 3, (60, 2)), rng.integers(0, 9, (60, 2)), rng.integers(0, 9, (60, 2))
    cells = np.where(
        np.arange(60)[:, None] % 2, np.stack([goals[:, 0], cells[:, 1]], 1), np.stack([cells[:, 0], starts[:, 1]], 1)
    )

    def path(start, goal):
        now, seen = list(start), [tuple(start)]
        for axis in (0, 1):
            while now[axis] != goal[axis]:
                now[axis] += int(np.sign(goal[axis] - now[axis]))
                seen.append(tuple(now))
        return seen

    expected = [tuple(c) in path(s, g) for s, g, c in zip(starts, goals, cells, strict=True)]
    found, step = jax.jit(
        lambda c, s, g: (steps.on_path(c, s, g), steps.reasoning_step(jnp.array([[4, 1]]), jnp.array([[5, 2]]), 3))
    )(*map(jnp.asarray, (cells, starts, goals)))
    np.testing.assert_array_equal(found, expected)
    assert 10 < sum(expected) < 50
    tokens = {name: np.asarray(piece.tokens)[0].tolist() for name, piece in step._asdict().items()}
    assert tokens == {
        "act_prompt": [1, 4 + 37, 85 + 47],
        "reason_prompt": [2, 4 + 37, 85 + 47],
        "instruction_prompt": [3, 4 + 37, 4 + 46, 4 + 47, 4 + 47],
        "actions": [175, 177, 0],
        "rationale": [166 + 3],
        "instruction": [85 + 47],
    }


def test_prompts_ask_for_a_topic_or_a_copy():
    decoders = module("pretrained_decoders")
    rng = np.random.default_rng(0)
    texts, topics = rng.integers(1, 25, (6, 24)), rng.integers(0, 4, 6)
    asking = jax.jit(lambda *drawn: (decoders.prompts(*drawn), decoders.narrow(decoders.prompts(*drawn))))
    rows, terms = jax.tree.map(np.asarray, asking(texts, topics))
    for row, (text, topic) in enumerate(zip(texts, topics, strict=True)):
        asked, written = ([30, *text[:6]], [*text[:4]]) if row % 2 else ([29, *text[:12]], [25 + topic])
        np.testing.assert_array_equal(rows.inputs[row][rows.inputs_mask[row]], asked)
        np.testing.assert_array_equal(rows.targets[row][rows.targets_mask[row]], written)
        np.testing.assert_array_equal(terms.tokens[row][terms.mask[row]], written)
        np.testing.assert_array_equal(terms.inputs.tokens[row, : len(asked)], asked)
        assert terms.inputs.prefix[row].sum() == len(asked)


def test_a_stage_is_adam():
    terms = supervised.Terms(targets=jnp.array([[2.0]]), mask=jnp.ones(1, bool))
    forward = lambda params, terms, key: terms.replace(logits=params[None])  # noqa: E731

    def run(key, steps):
        loss = supervised.squared_error()
        return fitting.fit(loss, forward, jnp.zeros(1), lambda key: terms, steps=steps, rate=0.1, key=key)

    found = jax.jit(lambda key: jnp.stack([run(key, steps)[0] for steps in (1, 2, 3)]))(KEY)
    x, m, v, path = 0.0, 0.0, 0.0, []
    for count in (1, 2, 3):
        gradient = x - 2.0
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        x -= 0.1 * (m / (1 - 0.9**count)) / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
        path.append(x)
    np.testing.assert_allclose(found, path, rtol=1e-5)
