"""Golden records of the recipes: rewards by length and table, filters, kinds of tokens, merging."""

import ast

import jax
import jax.numpy as jnp
import numpy as np

from algax import Logits, chain, merge, policy


def _arrays(inputs):
    return {name: jnp.asarray(value) for name, value in inputs.items()}


def _after(transform, terms):
    return jax.jit(transform.update)(terms, transform.init())[0]


def _up_to(lengths, width):
    return jnp.arange(width)[None, :] < lengths[:, None]


def _responses(inputs, **fields):
    """Responses of the given lengths."""
    return policy.Terms(mask=_up_to(inputs["lengths"], int(np.max(inputs["lengths"]))), **fields)


def _token_of_row(advantages):
    return advantages[:, 0]  # every response has a first token


def dler(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    terms = policy.Terms(
        mask=_up_to(x["lengths"], h["T"]),
        rewards=x["correct"].astype(jnp.float32),
        correct=x["correct"],
        group_ids=x["group"],
    )
    cut = _after(policy.truncation_reward(h["truncation"]), terms)
    kept = _after(policy.drop_uniform_groups(), cut)
    whitened = _after(chain(policy.group_advantage(scale="none"), policy.whiten_advantage()), kept)
    tiers = policy.difficulty_limits((h["difficulty_threshold"],), (h["truncation"], h["easy_truncation"]))
    return {
        "rewards": cut.rewards,
        "keep": kept.mask.any(axis=1),
        "mask": cut.mask.astype(jnp.float32),
        "advantages": whitened.advantages,
        "merged": merge.top_delta_merge(x["base"], x["tuned"], fraction=h["merge_fraction"], scale=h["merge_scale"]),
        "da_truncation": _after(chain(policy.success_rate(), tiers), terms).length_limits,
    }


def hbpo(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    terms = _responses(inputs, correct=x["correct"], budgets=x["budget"], group_ids=x["group"])
    shape = {"max_length": h["L_max"], "beta": h["beta"]}
    outputs = {}
    for variant in ("paper", "code"):
        released = variant == "code"
        after = _after(
            chain(
                policy.budget_cosine_reward(**shape, alpha=h["alpha"], released=released),
                policy.group_advantage(epsilon=h["eps"]),
                policy.subgroup_advantage(**shape, released=released),
            ),
            terms,
        )
        outputs |= {f"reward_{variant}": after.rewards, f"adv_{variant}": _token_of_row(after.advantages)}
    return outputs


def grpo_lambda(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    terms = _responses(inputs, correct=x["correct"], group_ids=x["group"])
    reward = policy.length_sigmoid_reward(h["alpha"], fraction=h["top_fraction"], epsilon=h["eps"])
    after = _after(chain(reward, policy.group_advantage(ddof=0, epsilon=h["eps"])), terms)
    first = np.unique(inputs["group"], return_index=True)[1]
    return {
        "selected": policy.top_accuracy_groups(terms, h["top_fraction"])[first],
        "rewards": after.rewards,
        "advantages": _token_of_row(after.advantages),
    }


def thinkless(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    terms = policy.Terms(
        mask=x["mask"],
        old_log_probs=x["old_logp"],
        thinking=x["think"],
        correct=x["correct"],
        group_ids=x["group"],
        control_tokens=jnp.broadcast_to(jnp.arange(x["mask"].shape[1]) == 0, x["mask"].shape),
    )
    short, think, wrong = (h[f"reward_{name}"] for name in ("correct_short", "correct_think", "wrong"))
    values = {(False, True): short, (True, True): think, (False, False): wrong, (True, False): wrong}
    advantage = chain(policy.reward_table(("thinking", "correct"), values), policy.group_advantage(scale="none"))
    clip = chain(policy.token_ratio(), policy.ppo_clip(low=h["clip"], high=h["clip"]))

    def loss(*reduction):
        transform = chain(advantage, clip, *reduction)
        return jax.jit(jax.value_and_grad(lambda logp: transform(terms.replace(log_probs=logp))))(x["logp"])

    def segments(norm):
        return policy.segment_weights({"control_tokens": h["alpha"], "rest": 1.0}, norm=norm)

    value, gradient = loss(segments("batch"), policy.token_mean())
    after = _after(advantage, terms)
    return {
        "rewards": after.rewards,
        "advantages": after.advantages,
        "loss": value,
        "grad_logp": gradient,
        "loss_plain_grpo": loss(policy.token_mean())[0],
        "loss_paper_norm": loss(segments("sequence"), policy.sequence_mean_token_mean())[0],
    }


def adacot(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    width = x["mask"].shape[1]
    terms = policy.Terms(
        mask=x["mask"],
        rewards=x["base"],
        thinking=x["think"],
        needs_thought=x["need"],
        well_formed=~x["format_error"].astype(bool),
        old_log_probs=x["old_logp"],
        advantages=x["advantages"],
        control_tokens=jnp.arange(width)[None, :] == x["decision"][:, None],
    )
    masking = policy.mask_tokens("control_tokens")
    clip = policy.ppo_clip(low=h["clip"], high=h["clip"])
    loss = chain(masking, policy.token_ratio(), clip, policy.token_mean())
    value, gradient = jax.jit(jax.value_and_grad(lambda logp: loss(terms.replace(log_probs=logp))))(x["logp"])
    penalties = policy.reasoning_penalties(miss=h["miss"], over=h["over"], malformed=h["format"])
    return {
        "rewards": _after(penalties, terms).rewards,
        "slm_mask": _after(masking, terms).mask.astype(jnp.float32),
        "loss": value,
        "grad_logp": gradient,
    }


def simplerl_zoo(inputs, hyperparameters):
    terms = policy.Terms(
        mask=jnp.ones([len(inputs["correct"]), 1], bool),
        correct=jnp.asarray(inputs["correct"]),
        well_formed=jnp.asarray(inputs["boxed"]),
    )
    table = {
        (True, True): 1.0,
        (True, False): 0.5,
        (False, True): -0.5,
        (False, False): hyperparameters["format_penalty"],
    }
    plain = policy.reward_table(("correct",), {(False,): 0.0, (True,): 1.0})
    return {
        "reward_mix": _after(plain, terms).rewards,
        "reward_independent": _after(policy.reward_table(("correct", "well_formed"), table), terms).rewards,
    }


def rl_cold_start(inputs, hyperparameters):
    x = _arrays(inputs)
    mask = jnp.ones([len(x["accuracy"]), 1], bool)
    terms = policy.Terms(mask=mask, correct=x["accuracy"], well_formed=x["format"])
    return {"overall": _after(policy.format_mix(hyperparameters["format_weight"]), terms).rewards}


def _call(text):
    """(name, {parameter: value}) of a call such as "f(a='1')", or None."""
    try:
        call = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(call, ast.Call):
        return None
    return call.func.id, {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}


def _tool_calls(cases, functions, params):
    numbers = {}

    def bits(names):
        return [numbers.setdefault(name, len(numbers)) for name in names]

    rows = []
    for predicted, gold in ((_call(a), _call(b)) for a, b in cases):
        usable = predicted is not None and predicted[0] in functions
        name, given = predicted if usable else ("", {})
        rows.append((usable, name == gold[0], bits(given), bits(gold[1]), bits(params.get(name, ())), given == gold[1]))
    columns = [list(column) for column in zip(*rows, strict=True)]
    for i in (2, 3, 4):
        columns[i] = [[number in row for number in range(len(numbers))] for row in columns[i]]
    return policy.ToolCalls(*(jnp.asarray(column) for column in columns))


def tl_training(inputs, hyperparameters):
    x, h = _arrays(inputs), hyperparameters
    if h["q"] != 0:
        raise NotImplementedError("the cross-entropy is not generalised")
    shape = x["targets"].shape

    def marked(index):
        return jnp.zeros(shape, bool).at[:, index].set(True)

    terms = policy.Terms(
        tokens=x["targets"],
        mask=jnp.ones(shape, bool),
        key_tokens=marked(x["key_index"]),
        parameter_ends=marked(x["para_index"]),
    )
    weigh = policy.key_token_weights(max_weight=h["max_weight"])
    loss = chain(policy.log_likelihood(), weigh, policy.token_mean())

    def of_logits(logits):
        return loss(terms.replace(log_probs=Logits(logits).log_probs(terms.tokens)))

    value, gradient = jax.jit(jax.value_and_grad(of_logits))(x["logits"])
    weights = _after(weigh, terms).weights[0]
    calls = _tool_calls(h["reward_cases"], h["functions"], h["params"])
    return {
        "weights": weights / jnp.min(weights),  # ordinary tokens have weight 1 before the normalisation
        "loss": value,
        "grad_logits": gradient,
        "rewards": policy.error_table(policy.tool_errors(calls)),
    }


def ton(inputs, hyperparameters):
    x = _arrays(inputs)
    batch = policy.ThoughtSpans(x["tokens"], x["length"], x["start"], x["end"])
    empty, pad = hyperparameters["empty_token"], hyperparameters["pad"]
    after = policy.empty_thoughts(batch, x["drop"], empty_tokens=(empty,), pad_token=pad)
    return {"tokens_out": after.tokens, "length_out": after.lengths}


ADAPTERS = {
    "dler": dler,
    "hbpo": hbpo,
    "grpo_lambda": grpo_lambda,
    "thinkless": thinkless,
    "adacot": adacot,
    "simplerl_zoo": simplerl_zoo,
    "rl_cold_start": rl_cold_start,
    "tl_training": tl_training,
    "ton": ton,
}
