"""The house rules, tested like behaviour: import directions, file sizes, public names, and commands with help."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("echosearch", "ingest", "trainer")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}

# third-party package -> the only places that may import it
HOMES = {
    "pydicom": ("echosearch.reading.dicom", "echosearch.phantom"),
    "torch": ("echosearch.encoder", "echosearch.contour", "trainer"),
    "timm": ("echosearch.encoder", "trainer"),
    "torchvision": ("echosearch.encoder", "trainer"),
    "transformers": ("echosearch.encoder", "trainer"),
    "sqlalchemy": ("echosearch.db",),
    "psycopg": ("echosearch.db",),
    "alembic": ("echosearch.db",),
    "qdrant_client": ("echosearch.index",),
    "qdrant_edge": ("echosearch.index",),
    "decord": ("echosearch.reading.media",),
    "av": ("echosearch.reading", "echosearch.preview.encode"),
    "lark": ("echosearch.search.filter_parser",),
    "click": ("echosearch.cli",),
    "fastapi": ("echosearch.web",),
    "starlette": ("echosearch.web",),
    "uvicorn": ("echosearch.web",),
    "jinja2": ("echosearch.web",),
    "argon2": ("echosearch.access",),
    "cryptography": ("echosearch.access",),
    "authlib": ("echosearch.access.oidc.provider",),
    "joserfc": ("echosearch.access.oidc.provider",),
    "httpx2": ("echosearch.access.oidc.provider",),
    "httpx": ("echosearch.client",),
    "huggingface_hub": ("echosearch.encoder.published.pull",),
    "rich": ("echosearch.cli",),
    "fugashi": ("echosearch.encoder",),
    "pyarrow": ("echosearch.api", "echosearch.search.export", "echosearch.cohort.table", "echosearch.web.api.export"),
    "pandas": ("echosearch.api", "echosearch.client"),
    "pynetdicom": ("ingest.sources.receiver",),
    "dicomweb_client": ("ingest.sources.dicomweb",),
    "requests": ("ingest.sources",),
    "prometheus_client": ("ingest.sources.metrics", "echosearch.web.metrics"),
    "ray": ("ingest.jobs.on_ray",),
}

# a layer may import itself and what is listed below it, never what is listed above
LAYERS = (
    ("echosearch.cli",),
    ("echosearch.api", "echosearch.web", "echosearch.client"),
    ("ingest", "trainer"),
    ("echosearch.insight",),
    ("echosearch.cohort",),
    ("echosearch.access",),
    ("echosearch.search",),
    ("echosearch.contour",),
    ("echosearch.coverage", "echosearch.preview"),
    ("echosearch.archive", "echosearch.workers"),
    ("echosearch.index", "echosearch.db", "echosearch.phantom"),
    ("echosearch.encoder",),
    ("echosearch.reading.source",),
    ("echosearch.reading.media",),
    ("echosearch.reading", "echosearch.report"),
    ("echosearch.settings", "echosearch.pseudonyms", "echosearch.filters", "echosearch.vector", "echosearch.clip"),
    ("echosearch.home",),
    ("echosearch.errors",),
    ("echosearch.outcome", "echosearch.encoder_info", "echosearch.source_file", "echosearch.locks"),
    (
        "echosearch.video",
        "echosearch.memory",
        "echosearch.device",
        "echosearch.batch",
        "echosearch.unicode",
        "echosearch.atomic",
    ),
)
# the rooms of a package, highest first: a room imports only rooms after it
ROOMS = {
    "echosearch.db": (
        "lookup",
        "cohorts",
        "upkeep",
        "admission",
        "studies",
        "questions",
        "files",
        "vectors",
        "access",
        "schema",
        "server",
    ),
    "echosearch.reading": ("source", "media", "dicom", "segmentation", "pictures", "files", "file_kinds", "limits"),
    "echosearch.reading.dicom": ("header", "pixels", "elements"),
    "echosearch.phantom": ("files", "imaging", "planes", "patients", "heart"),
    "trainer": ("evaluation", "loop", "warm_start", "model", "data"),
}
TORCH_FREE = ("echosearch.encoder.bundle", "echosearch.encoder.text")
STRANGERS = (
    ("ingest", "trainer"),
    ("echosearch.db", "echosearch.index"),
    ("echosearch.api", "echosearch.web"),
    ("echosearch.client", "echosearch.web"),
)  # side by side, and never import each other


@cache
def parsed(path: Path) -> ast.Module:
    """A file's tree. Every module is looked at by several tests, which only read it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """(module, whether only for type checking or inside a function) of every import of a file."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    tree = parsed(path)
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module, id(node) not in top
            yield from ((f"{node.module}.{alias.name}", id(node) not in top) for alias in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@cache
def layer(module: str) -> int | None:
    return next((i for i, packages in enumerate(LAYERS) if any(within(module, p) for p in packages)), None)


def test_third_party_packages_stay_at_home() -> None:
    for module in MODULES:
        for imported, _ in imports(MODULES[module]):
            homes = HOMES.get(imported.partition(".")[0])
            assert homes is None or any(within(module, home) for home in homes), f"{module} imports {imported}"


def test_imports_go_down_only() -> None:
    for module in MODULES:
        own = layer(module)
        for imported, _ in imports(MODULES[module]):
            other = layer(imported)
            if own is None or other is None or imported not in MODULES:
                continue
            assert other >= own, f"{module} imports {imported} from above"
            for one, two in STRANGERS:
                assert not (within(module, one) and within(imported, two)), f"{module} imports {imported}"
                assert not (within(module, two) and within(imported, one)), f"{module} imports {imported}"


def test_the_cli_names_what_is_above_the_library_only_on_use() -> None:
    """cli and api may use ingest and trainer, but importing them must not import those."""
    for module, path in MODULES.items():
        if within(module, "echosearch"):
            eager = [
                name for name, inside in imports(path) if name.split(".")[0] in ("ingest", "trainer") and not inside
            ]
            assert eager == [], f"{module} imports {eager} at its top"


def test_commands_import_by_statement_and_not_by_string() -> None:
    """A module that is imported by its name in a string gives Any, and no editor can follow it."""
    for module, path in MODULES.items():
        if within(module, "echosearch.cli.commands"):
            assert "import_module" not in path.read_text(encoding="utf-8"), module


def test_nothing_below_the_cli_and_the_api_imports_ingest_or_trainer() -> None:
    for module, path in MODULES.items():
        faces = module == "echosearch" or any(within(module, face) for face in ("echosearch.cli", "echosearch.api"))
        if within(module, "echosearch") and not faces:
            names = [name for name, _ in imports(path) if name.split(".")[0] in ("ingest", "trainer")]
            assert names == [], f"{module} imports {names}"


@pytest.mark.parametrize("package", ROOMS)
def test_rooms_import_only_rooms_below_them(package: str) -> None:
    rooms = ROOMS[package]
    order = {f"{package}.{room}": floor for floor, room in enumerate(rooms)}

    @cache
    def floor(module: str) -> int | None:
        return next((order[room] for room in order if within(module, room)), None)

    for module, path in MODULES.items():
        own = floor(module)
        for imported, _ in imports(path):
            other = floor(imported)
            if own is not None and other is not None and imported in MODULES:
                assert other >= own, f"{module} imports {imported}, a room above"


def test_no_two_folders_import_each_other() -> None:
    siblings: set[tuple[str, str]] = set()
    for module, path in MODULES.items():
        for imported, _ in imports(path):
            here, there = module.rpartition(".")[0], imported.rpartition(".")[0]
            nested = within(here, there) or within(there, here)
            if imported in MODULES and here.count(".") == there.count(".") and not nested:
                siblings.add((here, there))
    assert [pair for pair in siblings if pair[::-1] in siblings] == []


@pytest.mark.parametrize("package", TORCH_FREE)
def test_these_rooms_are_free_of_torch(package: str) -> None:
    names = " ".join(sorted(module for module in MODULES if within(module, package)))
    code = (
        f"import sys, importlib; [importlib.import_module(n) for n in '{names}'.split()]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


USING = (*PACKAGES, "migrations", "docs", "tests")
LISTED_AND_DEFINED = 2  # words that every public name is written in

# files over the ceiling, each with the reason why it is one file
LONG = {"echosearch.api.archive": "one class: all that can be asked of an archive from Python"}
CEILING, MEDIAN, ROOM = 300, 120, 20


def test_files_are_of_a_size_to_read() -> None:
    """Ask before a file outgrows a screenful of ideas: the median says whether the house stays small, the ceiling which
    file to look at."""
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert sorted(lengths.values())[len(lengths) // 2] <= MEDIAN
    assert {module for module, length in lengths.items() if length > CEILING} == set(LONG)
    docs = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "docs").rglob("*.py")}
    assert {name for name, length in docs.items() if length > CEILING} == set()


def test_no_function_is_exempt_from_the_limit_of_branches() -> None:
    exempt = [str(path.relative_to(ROOT)) for path in FILES if "noqa: C901" in path.read_text(encoding="utf-8")]
    assert exempt == []  # split it: rules by theme, in order


def test_no_folder_is_a_heap() -> None:
    folders: dict[str, int] = {}
    for path in FILES:
        if path.name == "__main__.py":
            continue  # it starts what is beside it
        folders[str(path.parent.relative_to(ROOT))] = folders.get(str(path.parent.relative_to(ROOT)), 0) + 1
    assert {folder: count for folder, count in folders.items() if count > ROOM} == {}


def test_public_names_are_listed() -> None:
    for module in MODULES:
        tree = parsed(MODULES[module])
        assert ast.get_docstring(tree) or not tree.body, f"{module} has no docstring"
        listed = all_of(module)
        defined = {name for node in ast.walk(tree) for name in names_of(node)}
        assert set(listed) <= defined, f"{module} lists what it does not define"
        assert len(set(listed)) == len(listed), f"{module} lists a name twice"


@cache
def all_of(module: str) -> tuple[str, ...]:
    """The names in a module's __all__."""
    for node in parsed(MODULES[module]).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return tuple(ast.literal_eval(node.value))
    return ()


def test_what_others_import_is_public() -> None:
    for module in MODULES:
        for node in ast.walk(parsed(MODULES[module])):
            if isinstance(node, ast.ImportFrom) and node.module in MODULES and node.module != module:
                private = {
                    alias.name
                    for alias in node.names
                    if f"{node.module}.{alias.name}" not in MODULES and alias.name not in all_of(node.module)
                }
                assert not private, f"{module} imports {private}, which {node.module} does not list in __all__"


def test_what_is_public_is_used() -> None:
    """A function that is listed is named by another module, a test or a page, or again where it is defined."""
    paths = [path for folder in USING for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md", ".html")]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    words = Counter(word for text in texts for word in re.findall(r"\w+", text))
    functions = {
        node.name
        for module in MODULES
        for node in parsed(MODULES[module]).body
        if isinstance(node, ast.FunctionDef) and not node.decorator_list and node.name in all_of(module)
    }
    assert {name for name in functions if words[name] <= LISTED_AND_DEFINED} == set()


def names_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.ImportFrom(names=names) | ast.Import(names=names):
            yield from (alias.asname or alias.name for alias in names)


def test_no_utils_and_no_print() -> None:
    for module in MODULES:
        assert module.rpartition(".")[2] not in {"utils", "helpers", "manager", "common", "misc", "core", "types"}, (
            module
        )
        if within(module, "echosearch.cli"):
            continue
        for node in ast.walk(parsed(MODULES[module])):
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), f"{module} prints"


# what writes to a terminal, by the last name of the call
PRINTERS = frozenset({"echo", "secho", "print", "Console", "Progress", "pprint", "style", "echo_via_pager"})
SHOWING = frozenset({"echosearch.cli.output", "echosearch.cli.progress", "trainer.progress"})


def test_all_that_is_printed_is_made_visible_first() -> None:
    """A name, a report or an error message comes from outside, and none may steer a terminal: cli/output.py prints."""
    for module in [module for module in MODULES if module.startswith(("echosearch.cli", "trainer"))]:
        if module in SHOWING:
            continue
        for node in ast.walk(parsed(MODULES[module])):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called.rpartition(".")[2] not in PRINTERS, f"{module}:{node.lineno} prints past cli/output.py"
                stream = re.fullmatch(r"sys\.(__)?std(out|err)(__)?(\.buffer)?\.write(lines)?|os\.write", called)
                assert stream is None, f"{module}:{node.lineno} writes past cli/output.py"


def test_no_path_or_registry_of_a_machine_in_the_project() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True)
    forbidden = ("/" + "work/", "/" + "root/.", "files.python" + "hosted", "pypi." + "org", "/opt/" + "pypi")
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml", ".sql", ".txt"} and path.exists():
            text = path.read_text(encoding="utf-8")
            assert not [word for word in forbidden if word in text], name


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from echosearch.cli import main\n"
        "import echosearch.cli.main as entry\n"
        "heavy = {'torch', 'sqlalchemy', 'pydicom', 'qdrant_client', 'transformers', 'numpy'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_modules_whose_branches_are_all_tested_exist() -> None:
    """A module that was renamed is not dropped from what `make coverage` demands."""
    lines = (ROOT / "tests" / "full_branches.txt").read_text(encoding="utf-8").splitlines()
    named = [path for path in (line.partition("#")[0].strip() for line in lines) if path]
    assert len(named) > 15
    assert {ROOT / path for path in named} <= set(FILES)


def test_status_imports_nothing_that_it_does_not_use() -> None:
    """It counts rows: no encoder, no index, no reader of files, and no mapper of tables to classes."""
    unused = {"torch", "qdrant_client", "qdrant_edge", "pydicom", "av", "PIL", "pyarrow", "alembic", "sqlalchemy.orm"}
    code = f"import sys, echosearch.cli.answers.status; print(sorted({unused} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_that_a_server_answers_imports_nothing_that_answers() -> None:
    heavy = {"torch", "numpy", "sqlalchemy", "qdrant_client", "pydicom", "pydantic", "lark"}
    commands = ", ".join(f"echosearch.cli.commands.{name}" for name in ("query", "similar", "report", "status"))
    code = f"import sys, {commands}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_question_of_words_imports_no_reader_of_files() -> None:
    unused = {"pydicom", "av", "PIL", "pyarrow", "alembic", "sqlalchemy.orm", "torch", "sympy"}
    code = f"import sys, echosearch.cli.answers.searches; print(sorted({unused} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
