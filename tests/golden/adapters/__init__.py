"""One adapter a record id: (inputs, hyperparameters), named as in the record's JSON -> outputs of the same names.

The hyperparameters hold `output_shapes` too, for records that do not say over how many steps they go. An adapter goes through
public names only. Entries that released code fills and the library leaves undefined, such as those behind a mask, come back
masked (`numpy.ma`) and are not compared.
"""

import importlib
import pkgutil

ADAPTERS = {}
for _module in pkgutil.iter_modules(__path__):
    ADAPTERS |= importlib.import_module(f"{__name__}.{_module.name}").ADAPTERS
