"""`ROOM`, how to make batches, and `EXAMPLES`, put together from this folder's modules."""

import importlib
import pkgutil

from .batch import ROOM as ROOM

EXAMPLES = {}
for _module in pkgutil.iter_modules(__path__):
    EXAMPLES |= getattr(importlib.import_module(f"{__name__}.{_module.name}"), "EXAMPLES", {})
