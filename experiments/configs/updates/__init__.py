"""Update transforms.

    algax run updates/orthogonal_gradient

trains a bias-free MLP on half of the addition table modulo 31, full batch, with AdamW and with AdamW after the orthogonal
gradient. Expect both to fit the training half, AdamW to stay at a test accuracy of 0 while its training losses underflow
to exactly 0, and the orthogonal gradient to generalise (grok) to about 90 % within 800 steps.

    algax run updates/hesso    (and the other names of `VARIANTS`)

trains on scikit-learn's digits or on a toy in seconds; the function of the same name says what to expect.
"""

from ml_collections import ConfigDict

from algax.experiments.configs import choose
from algax.experiments.configs.updates import digits, toys

METHODS = (
    digits.allora,
    digits.hesso,
    digits.normalize_and_project,
    digits.orthogonal_gradient,
    digits.sparse_ift,
    digits.tract,
    toys.error_mass,
    toys.hypergradient,
    toys.hyperparameter_free,
    toys.ignite,
)
VARIANTS = {method.__name__: method for method in METHODS}


def get_config(variant: str = "orthogonal_gradient") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
