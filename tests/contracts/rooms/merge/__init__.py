"""Examples of the room `merge`, put together from this folder's modules."""

import importlib
import pkgutil

EXAMPLES = {}
for _module in pkgutil.iter_modules(__path__):
    EXAMPLES |= importlib.import_module(f"{__name__}.{_module.name}").EXAMPLES
