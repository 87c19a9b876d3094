"""The notebooks run top to bottom as a user would run them, hold nothing that can go stale, and leave jax alone."""

import asyncio
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import nbclient
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

FOLDER = pathlib.Path(__file__).parents[2] / "notebooks"
NAMES = ("compose", "quickstart", "rlvr")
CELL_SECONDS, NOTEBOOK_SECONDS = 300, 180

# What a notebook must have printed, as regular expressions: one that runs but shows nothing would pass otherwise.
PRINTED = {
    "compose": ("passed: declared_fields", "ContractError: hard_grpo breaks the contract", "ValueError: ", "95 % interval"),
    "quickstart": ("ValueError: group_advantage needs", r"test accuracy [89]\d\.\d%", "verdict: ", r"gradients \d\.\de-0[678]"),
    "rlvr": (r"\[ True False False False\]", "parameters", "practised", "sequence_mean_token_mean"),
}


class Kernel(AsyncKernelManager):
    """A kernel of this interpreter, whatever kernels are installed."""

    @property
    def kernel_spec(self):
        return KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], display_name="test")


def load(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def users_environment():
    """This process's environment without what the tests set for themselves, but for how fast XLA compiles."""
    mine = ("JAX_NUMPY_", "MPLBACKEND", "PYTHONWARNINGS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    flags = [flag for flag in os.environ["XLA_FLAGS"].split() if "device_count" not in flag]
    return environment | {"XLA_FLAGS": " ".join(flags)}


def execute(notebook, folder):
    """Runs every cell; returns the seconds."""
    resources = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(notebook, timeout=CELL_SECONDS, kernel_manager_class=Kernel, resources=resources)
    start = time.perf_counter()
    asyncio.run(client.async_execute(env=users_environment()))
    return time.perf_counter() - start


def output_text(notebook):
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join(texts)


def first_code(name):
    return next(cell for cell in load(name).cells if cell.cell_type == "code").source


def test_these_are_all_the_notebooks():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_runs(name, tmp_path):
    notebook = load(name)
    seconds = execute(notebook, tmp_path)
    text = output_text(notebook)
    for expected in PRINTED[name]:
        assert re.search(expected, text), expected
    images = [o for cell in notebook.cells for o in cell.get("outputs", ()) if "image/png" in o.get("data", {})]
    assert len(images) >= {"quickstart": 2}.get(name, 1)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert seconds <= NOTEBOOK_SECONDS, f"{seconds:.0f} s"


def test_an_error_in_a_cell_is_found(tmp_path):
    cells = [nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_code_cell("1 / 0")]
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        execute(nbformat.v4.new_notebook(cells=cells), tmp_path)


def test_the_kernel_is_a_users(tmp_path):
    strict = "[name for name in os.environ if name.startswith('JAX_NUMPY') or 'device_count' in os.environ[name]]"
    source = f"import os, sys\nprint({strict}, sys.executable, os.getcwd())"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    execute(notebook, tmp_path)
    assert output_text(notebook).strip() == f"[] {sys.executable} {tmp_path}"


@pytest.mark.parametrize("name", NAMES)
def test_stored_form(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    notebook = load(name)
    nbformat.validate(notebook)
    assert notebook.nbformat == 4 and set(notebook.metadata) == {"kernelspec", "language_info"}
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z][a-z-]*", id) for id in ids)
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    assert not re.search(r"/(home|root|tmp|usr|opt|work|Users|content)/|[A-Z]:\\\\", text), "a path of some machine"


@pytest.mark.parametrize("name", NAMES)
def test_prose_precedes_code(name):
    kinds = [cell.cell_type for cell in load(name).cells]
    assert kinds[:2] == ["markdown", "code"] and kinds[-1] == "markdown"
    assert kinds.count("markdown") >= kinds.count("code") / 2


def test_a_variant_of_grpo_has_at_most_25_lines():
    (cell,) = [cell for cell in load("compose").cells if cell.id == "variant"]
    function = cell.source.split("def focus_on_hard")[1].split("\ndef ")[0].strip()
    assert "algax.loss_transform(" in function and len(function.splitlines()) <= 25


class TestInstall:
    """The first code cell, run in this process with a pip that only takes notes."""

    @pytest.fixture
    def commands(self, monkeypatch, tmp_path):
        noted = []
        monkeypatch.setattr(subprocess, "run", lambda command, **options: noted.append(command))
        (tmp_path / "notebooks").mkdir()
        monkeypatch.chdir(tmp_path / "notebooks")
        return noted

    @pytest.fixture
    def without_algax(self, monkeypatch):
        """algax, chex and tensorboardX are not installed."""
        find_spec, version = importlib.util.find_spec, importlib.metadata.version

        def installed_version(package):
            if package in ("chex", "tensorboardX"):
                raise importlib.metadata.PackageNotFoundError(package)
            return version(package)

        monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == "algax" else find_spec(module))
        monkeypatch.setattr(importlib.metadata, "version", installed_version)

    @pytest.mark.parametrize("name", NAMES)
    def test_does_nothing_where_algax_is(self, name, commands, capsys):
        exec(first_code(name), {})
        assert commands == []
        assert importlib.metadata.version("jax") in capsys.readouterr().out

    @pytest.mark.parametrize("checkout", [True, False])
    @pytest.mark.parametrize("name", NAMES)
    def test_installs_what_is_missing_and_no_jax(self, name, checkout, commands, without_algax, tmp_path):
        if checkout:
            (tmp_path / "setup.py").touch()
        exec(first_code(name), {})
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        assert commands == [[*pip, str(tmp_path) if checkout else "algax"], [*pip, "chex", "tensorboardX"]]

    def test_knows_every_dependency_but_jax_and_numpy(self):
        setup = (FOLDER.parent / "setup.py").read_text()
        required = re.findall(r'"([\w-]+)>=', setup.split("install_requires=[")[1].split("]")[0])
        needed = re.search(r"needed = \((.*)\)", first_code("rlvr")).group(1)
        assert set(required) - {"jax", "numpy"} <= set(re.findall(r'"([\w-]+)"', needed))
