"""The rules of the house, read off the source: who imports whom, sizes, documentation, and what must not occur."""

import ast
import importlib
import inspect
import pathlib
import re

import pytest

from .contracts.examples import NOT_ROOMS, public_names

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = {"algos": "algax", "models": "algax.models", "experiments": "algax.experiments"}
SOURCES = [path for folder in PACKAGES for path in sorted((ROOT / folder).rglob("*.py"))]
MOST_LINES = 500


def module_of(path):
    """(folder, module name) of a source file."""
    folder, *parts = path.relative_to(ROOT).with_suffix("").parts
    parts = [part for part in parts if part != "__init__"]
    return folder, ".".join([PACKAGES[folder], *parts])


def imports(path):
    """The absolute names of the modules a file imports, and whether it wrote them relatively."""
    _, module = module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            target = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{target}.{alias.name}", True) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", False) for alias in node.names)


def label(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_imports(path):
    folder, module = module_of(path)
    for name, relative in imports(path):
        if not name.startswith("algax"):
            continue
        if folder == "experiments":
            assert not (relative and not name.startswith("algax.experiments")), f"{name}: import it as algax..."
            continue
        assert relative, f"{name} is imported absolutely inside {folder}/"
        assert not name.startswith("algax.experiments"), name
        assert folder == "models" or not name.startswith("algax.models"), name
        assert folder == "algos" or name.startswith("algax.models"), name
        if folder == "algos" and "." in module:
            own, target = module.split(".")[1], name.split(".")[1]
            public = len(name.split(".")) <= 3 or target == "core" or own == target
            assert public, f"{module} reaches into {name}: import the room's public name"
            assert own != "core" or target == "core", f"core imports the room {target}"


def test_rooms_have_no_import_cycles():
    edges = {}
    for path in SOURCES:
        folder, module = module_of(path)
        if folder == "algos" and module.count("."):
            room = module.split(".")[1]
            targets = {name.split(".")[1] for name, _ in imports(path) if name.startswith("algax.")}
            edges.setdefault(room, set()).update(targets - {room})

    def reach(room, seen):
        return seen if room in seen else set().union(*(reach(t, seen | {room}) for t in edges.get(room, ())), seen | {room})

    for room, targets in edges.items():
        assert not any(room in reach(target, set()) for target in targets), room


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_file(path):
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a file says what it is"
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), "an assert on a user's path"
    if path.is_relative_to(ROOT / "algos"):
        assert not re.search(r"host_callback|pure_callback|io_callback", text)
        if path.relative_to(ROOT / "algos").parts[0] not in ("core", "measure"):
            bare = re.search(r"jnp\.mean\((?!.*axis=-1)", text)
            assert not bare, "a mean over the batch goes through terms.mean or terms.batch_mean"


@pytest.mark.parametrize("room", public_names())
def test_public_names_are_documented(room):
    module = importlib.import_module(f"algax.{room}")
    assert room not in NOT_ROOMS and inspect.getdoc(module)
    for name in module.__all__:
        public = getattr(module, name)
        documentation = inspect.getdoc(public)
        assert documentation, name
        if inspect.isfunction(public):
            for argument in inspect.signature(public).parameters:
                assert re.search(rf"\b{argument}\b", documentation), f"{name}: `{argument}` is not documented"


def test_a_room_lists_public_names_and_nothing_else():
    for room in public_names():
        tree = ast.parse((ROOT / "algos" / room / "__init__.py").read_text())
        kinds = [type(node) for node in tree.body[1:]]
        assert set(kinds) <= {ast.ImportFrom, ast.Assign}, room
        names = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert names == set(importlib.import_module(f"algax.{room}").__all__), room


def test_every_public_name_has_a_catalogue_record():
    import algax

    recorded = set()
    for record in algax.catalogue():
        recorded |= {name if "." in name else f"{record.room}.{name}" for name in record.names}
    shared = {"Terms", "forward"}
    missing = {f"{room}.{name}" for room, names in public_names().items() for name in names if name not in shared} - recorded
    assert not missing, sorted(missing)
