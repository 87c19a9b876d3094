"""Policy objectives on verified arithmetic."""

from ml_collections import ConfigDict

from algax.experiments.configs import comparison


def grpo() -> ConfigDict:
    """GRPO against REINFORCE from the same warm start, at the same learning rate and number of samples."""
    adam = [
        {"name": "optax.clip_by_global_norm", "max_norm": 1.0},
        {"name": "optax.adam", "learning_rate": 1e-3, "b2": 0.95},
    ]
    claim = {"metric": "accuracy", "arm": "grpo", "direction": "higher", "at": "final"}
    return comparison(
        experiment="policy/grpo",
        paper="Shao et al. 2024, arXiv 2402.03300",
        claim="Advantages relative to a group of samples raise accuracy from checked answers alone, and faster than REINFORCE.",
        task={
            "name": "tasks.arithmetic",
            "digits": 1,
            "operators": "+",
            "labelled": 40,
            "held_out": 20,
            "warm_steps": 60,
            "warm_learning_rate": 4e-3,
            "prompts_per_batch": 32,
            "samples_per_prompt": 8,
        },
        model={
            "name": "models.Transformer",
            "config": {
                "name": "models.TransformerConfig",
                "vocabulary_size": 15,
                "hidden_size": 64,
                "num_layers": 1,
                "num_heads": 4,
                "mlp_size": 128,
                "mlp": "plain",
                "positions": "learned",
                "max_length": 8,
            },
        },
        arms={
            "grpo": {"loss": {"name": "policy.grpo"}, "optimizer": adam},
            "reinforce": {"loss": {"name": "policy.reinforce"}, "optimizer": adam},
        },
        seeds=6,
        steps=120,
        evaluate_every=15,
        metric="accuracy",
        expect=[{**claim, "against": "start", "least": 0.1}, {**claim, "against": "reinforce", "least": 0.0}],
    )
