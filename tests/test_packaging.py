"""The wheel and the editable install work in an empty environment, away from the tree."""

import pathlib
import shutil
import subprocess
import sys
import sysconfig

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("algos", "models", "experiments")

USER_SCRIPT = """
import jax.numpy as jnp
from algax import policy
zeros = jnp.zeros([3, 1])
terms = policy.Terms(log_probs=zeros, old_log_probs=zeros, rewards=jnp.array([1.0, 0.0, 0.0]), group_ids=jnp.zeros(3, int))
print("loss", float(policy.grpo(kl_coefficient=0.0)(terms)))
"""

IMPORT_EVERYTHING = """
import importlib, pkgutil, algax, algax.experiments, algax.models
packages = (algax, algax.models, algax.experiments)  # an editable install keeps them in three folders
names = {m.name for p in packages for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")}
names = {name for name in names if not name.endswith("__main__")}
for name in names:
    importlib.import_module(name)
assert {"algax.policy.presets", "algax.models.transformer", "algax.experiments.run"} <= names, names
assert algax.catalogue()
print(len(names), "modules from", algax.__file__)
"""


def run(*command, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the tree, so that building leaves no trace in it."""
    copy = tmp_path_factory.mktemp("source")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def empty_environment(folder):
    """A new environment that sees the installed dependencies, but neither this tree nor its editable install."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (pathlib.Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def pip(python, *arguments):
    run(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", *arguments)


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_install(source, tmp_path, editable):
    python = empty_environment(tmp_path / "environment")
    away = tmp_path / "elsewhere"
    away.mkdir()
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    if editable:
        pip(python, "install", *options, "-e", source)
    else:
        run(sys.executable, "-m", "pip", "wheel", *options, "-w", tmp_path / "wheels", source)
        (wheel,) = (tmp_path / "wheels").glob("algax-*.whl")
        pip(python, "install", *options, wheel)
    loss, imported = run(python, "-c", USER_SCRIPT + IMPORT_EVERYTHING, cwd=away).splitlines()[-2:]
    assert float(loss.split()[-1]) == pytest.approx(0.0, abs=1e-6)
    assert str(ROOT) not in imported and (str(source) in imported) == editable
    assert "policy/grpo" in run(tmp_path / "environment" / "bin" / "algax", "list", cwd=away)
