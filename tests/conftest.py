"""Strict settings for every test: eight virtual devices, no implicit promotion of dtypes or ranks."""

import functools
import gc
import importlib
import importlib.metadata
import os
import pathlib

# Tests compile many small programs and run each a few times, so compiling fast is what counts.
FLAGS = [
    "--xla_force_host_platform_device_count=8",
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",
]
if importlib.metadata.version("jaxlib").startswith(("0.9.", "0.10.")):  # later versions refuse the flag
    FLAGS.append("--xla_cpu_use_fusion_emitters=false")
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *FLAGS]).strip()
os.environ["JAX_PLATFORMS"] = "cpu"
# Processes that run tests side by side, and later runs, share what they compile: `make clean` removes it.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(__file__).parents[1] / ".pytest_cache" / "compiled"))
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "0"
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["JAX_TRACEBACK_FILTERING"] = "off"  # to filter them takes much of the time of tests that expect errors
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_addoption(parser):
    parser.addoption("--golden", help="folder of golden records to compare with instead of the project's own")


def pytest_sessionstart():
    """Lowers every program in one MLIR context.

    JAX makes one for each, with all dialects loaded: a quarter of the time of tests that compile thousands of small programs,
    and most of their memory.
    """
    mlir = importlib.import_module("jax._src.interpreters.mlir")
    if hasattr(mlir, "make_ir_context"):  # private, and only faster with it
        mlir.make_ir_context = functools.cache(mlir.make_ir_context)


def pytest_collection_finish():
    """Spares the collector what stays to the end anyway, and looks for the rest less often: a twentieth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
