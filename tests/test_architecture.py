"""The arrows between the rooms: who may import whom, and what `import dsae` must leave out."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("dsae", "envs", "data", "policies")
VERBS = [
    "doctor",
    "collect",
    "import",
    "inspect",
    "encoders",
    "train",
    "evaluate",
    "compare",
    "overlay",
    "view",
    "sample",
    "traverse",
    "filters",
    "state",
    "goal",
    "export",
    "learn",
    "rollout",
    "benchmark",
    "demo",
]

# Each is needed by one part only, which imports it itself.
NOT_FOR_LOADING = [
    "gymnasium",
    "mujoco",
    "yaml",
    "h5py",
    "cv2",
    "av",
    "sklearn",
    "skimage",
    "scipy",
    "jinja2",
    "onnx",
    "onnxruntime",
    "starlette",
    "uvicorn",
    "tensorboard",
    "envs",
    "data",
    "policies",
]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def python(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]  # the current directory comes first on the path
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


def test_every_contract_holds() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("dsae/losses.py", "gymnasium"),
        ("dsae/nn/__init__.py", "envs"),
        ("dsae/encoder.py", "dsae.commands"),
        ("envs/__init__.py", "torch"),
        ("data/__init__.py", "envs"),
        ("policies/__init__.py", "envs"),
    ],
)
def test_a_wrong_import_is_found_even_inside_a_function(
    file: str, module: str, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ROOMS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignored)
    with (tmp_path / file).open("a") as source:
        source.write(f"\n\ndef _wrong():\n    import {module}\n")
    done = lint_imports(tmp_path)
    importer = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert done.returncode == 1, done.stdout
    assert f"{importer} is not allowed to import {module}" in done.stdout


def test_loading_an_encoder_needs_little(tmp_path: Path) -> None:
    code = f"import sys, dsae; dsae.load; print(*set({NOT_FOR_LOADING}) & set(sys.modules))"
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_dsae_works_beside_somebody_elses_packages_of_the_same_names(tmp_path: Path) -> None:
    for room in ("envs", "data", "policies", "configs"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("NAME = 'theirs'\n")
    code = "import dsae, data, envs, policies; dsae.load; print(data.NAME, envs.NAME)"
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["theirs", "theirs"]


def verb_modules() -> dict[str, ast.Module]:
    """Return the modules of `dsae.commands` that are verbs: they have Options, and define run."""
    found = {}
    for path in sorted((ROOT / "dsae" / "commands").glob("*.py")):
        tree = ast.parse(path.read_text())
        names = {
            node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)
        }
        imported = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        names |= {alias.name for node in imported for alias in node.names}
        if {"Options", "run"} <= names:
            found[path.stem.strip("_")] = tree
    return found


def test_every_verb_is_there() -> None:
    assert set(VERBS) <= set(verb_modules())


@pytest.mark.parametrize("verb", sorted(verb_modules()))
def test_every_verb_shows_an_example(verb: str) -> None:
    docstring = ast.get_docstring(verb_modules()[verb]) or ""
    _, heading, example = docstring.partition("Example:\n")
    assert heading, f"the docstring of {verb} has no Example"
    assert f"dsae {verb}" in example
