"""Packaging of algax: three top-level folders become one distribution."""

import pathlib

import setuptools

ROOT = pathlib.Path(__file__).parent
FOLDERS = {"algax": "algos", "algax.models": "models", "algax.experiments": "experiments"}


def packages():
    """The package and its sub-packages of every mapped folder."""
    names = []
    for package, folder in FOLDERS.items():
        names += [package, *(f"{package}.{name}" for name in setuptools.find_packages(str(ROOT / folder)))]
    return names


EXPERIMENTS = ["matplotlib>=3.8", "scikit-learn>=1.4", "scipy>=1.11", "tensorboardX>=2.6", "tqdm>=4.66"]
HUGGING_FACE = ["safetensors>=0.4", "tokenizers>=0.19"]
NOTEBOOKS = ["ipykernel>=6.29", "nbclient>=0.10", "nbformat>=5.10"]
CHECKS = ["setuptools>=77", "wheel>=0.43", "pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.100", "ruff>=0.6", "mypy>=1.10"]

setuptools.setup(
    name="algax",
    version="0.1.0",
    description="A functional suite of training algorithms for JAX",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    package_dir=FOLDERS,
    packages=packages(),
    package_data={
        "algax": ["py.typed", "catalogue.toml"],
        "algax.models": ["py.typed"],
        "algax.experiments": ["py.typed"],
    },
    install_requires=[
        "jax>=0.10",
        "flax>=0.12.8",
        "optax>=0.2.8",
        "orbax-checkpoint>=0.11",
        "chex>=0.1.90",
        "ml-collections>=1.0",
        "numpy>=1.26",
        "absl-py>=2.0",
    ],
    extras_require={
        "experiments": EXPERIMENTS,
        "hf": HUGGING_FACE,
        "dev": EXPERIMENTS + HUGGING_FACE + NOTEBOOKS + CHECKS,
    },
    entry_points={"console_scripts": ["algax=algax.experiments.run:main"]},
)
