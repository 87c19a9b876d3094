"""One adapter a record id: (inputs, hyperparameters), named as in the record's JSON -> outputs of the same names.

The hyperparameters hold `output_shapes` too, for records that do not say over how many steps they go. An adapter goes through
public names only. Entries that released code fills and the library leaves undefined, such as those behind a mask, are not
compared: the adapter returns such an output as a pair (values, where it is undefined).

Adapters in `ADAPTERS` are compiled as one program of the inputs of floating point; integers and booleans stay NumPy arrays, so
that shapes may depend on them. Adapters that need more than that, or no JAX at all, stand in `UNCOMPILED`.
"""

import functools
import importlib
import pkgutil

import jax
import numpy as np


def _masked(output):
    return np.ma.masked_array(*map(np.asarray, output)) if isinstance(output, tuple) else output


def _compiled(adapter):
    @functools.wraps(adapter)
    def run(inputs, hyperparameters):
        traced = {name: value for name, value in inputs.items() if np.issubdtype(value.dtype, np.floating)}
        outputs = jax.jit(lambda traced: adapter(inputs | traced, hyperparameters))(traced)
        return {name: _masked(output) for name, output in outputs.items()}

    return run


ADAPTERS = {}
for _name in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_name.name}")
    ADAPTERS |= {name: _compiled(adapter) for name, adapter in getattr(_module, "ADAPTERS", {}).items()}
    ADAPTERS |= getattr(_module, "UNCOMPILED", {})
