"""The rules of the house that no linter knows: sizes, purity of the core, reasons for exceptions, no machine's paths.

Each rule is a function of source text that returns what breaks it, and is shown to catch a planted breach.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "connectors", "streams", "gateway", "deploy", "aiots")
SHELL = ("log", "runtime")
"""Folders of streams that are not core."""
GENERATED = frozenset({"schemas/records.py", "schemas/codecs.py"})
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

CLOCKS = frozenset({"time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "time.sleep"})
NOW = frozenset({"now", "utcnow", "today"})
BANNED_MODULES = frozenset(
    {"random", "secrets", "uuid", "logging", "structlog", "confluent_kafka", "socket", "asyncio"}
)
# fmt: off
TRANSCENDENTAL = frozenset({
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "power", "float_power", "sin", "cos", "tan",
    "asin", "acos", "atan", "atan2", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh",
    "arccosh", "arctanh", "asinh", "acosh", "atanh", "erf", "erfc", "gamma", "lgamma", "cbrt", "hypot",
    "logaddexp",
})
# fmt: on
BLAS = frozenset({"dot", "matmul", "inner", "einsum", "tensordot", "linalg"})
"""Sums of products whose order is the library's."""


SWITCHES = (("type: ignore", r"\[[a-z, -]+\]"), ("noqa", ": [A-Z0-9, ]+"), ("pragma: no cover", ""))
MACHINE_PATH = re.compile(r"(?<![\w.$}/])/(work|root|tmp|home/\w+|Users/\w+)/")


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if name_of(path) not in GENERATED]


def core_sources() -> list[Path]:
    """Return the files of streams in a core folder (a folder of streams that is not the shell)."""
    return [
        path for path in sources("streams") if len(part := path.relative_to(ROOT).parts) > 2 and part[1] not in SHELL
    ]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` of a name or attribute, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def long_files(text: str) -> Iterator[str]:
    if (lines := len(text.splitlines())) > FILE_LINES_MAX:
        yield f"{lines} lines, at most {FILE_LINES_MAX}"


def long_functions(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"


def impurities(text: str) -> Iterator[str]:
    """Yield clocks, randomness, logging and I/O."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            for module in modules:
                if module.split(".")[0] in BANNED_MODULES or module in ("time", "numpy.random"):
                    yield f"{node.lineno}: imports {module}"
        name = dotted(node)
        if (
            name in CLOCKS
            or (name.split(".")[-1] in NOW and "date" in name)
            or name.startswith(("np.random", "random."))
        ):
            yield f"{getattr(node, 'lineno', 0)}: {name}"
        if isinstance(node, ast.Call) and dotted(node.func) in ("print", "open", "input"):
            yield f"{node.lineno}: calls {dotted(node.func)}"
        if isinstance(node, ast.Global):
            yield f"{node.lineno}: global {', '.join(node.names)}"


def unstable_arithmetic(text: str) -> Iterator[str]:
    """Yield what gives other bytes on another machine or in another order."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            head, tail = dotted(node.value), node.attr
            if head in ("math", "np", "numpy") and (tail in TRANSCENDENTAL or (head != "math" and tail in BLAS)):
                yield f"{node.lineno}: {head}.{tail}"
            if head in ("numba", "nb") and tail == "prange":
                yield f"{node.lineno}: prange"
        if isinstance(node, ast.ImportFrom) and node.module in ("math", "numpy", "numba"):
            for name in node.names:
                if name.name in TRANSCENDENTAL | BLAS | {"prange"}:
                    yield f"{node.lineno}: {node.module}.{name.name}"
        if isinstance(node, ast.keyword) and node.arg in ("fastmath", "parallel") and not is_false(node.value):
            yield f"{node.value.lineno}: {node.arg}"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and not is_small_power(node.right):
            yield f"{node.lineno}: ** of other than a small whole number"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            yield f"{node.lineno}: @"


def is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def is_small_power(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and 0 <= node.value <= 64


def undocumented(text: str) -> Iterator[str]:
    """Yield public functions and classes of a module without a docstring."""
    tree = ast.parse(text)
    if not ast.get_docstring(tree):
        yield "1: the module has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not (node.name[0] == "_" or ast.get_docstring(node)):
            yield f"{node.lineno}: {node.name} has no docstring"


def nameless_exceptions(text: str) -> Iterator[str]:
    """Yield checks switched off without naming the rule."""
    for number, line in enumerate(text.splitlines(), 1):
        for sign, rule in SWITCHES:
            if re.search(rf"# {sign}", line) and not re.search(rf"# {sign}{rule}", line):
                yield f"{number}: {line.strip()[:80]}"


def bare_exceptions(text: str) -> Iterator[str]:
    """Yield checks switched off without naming the rule and, after it, the reason."""
    for number, line in enumerate(text.splitlines(), 1):
        for sign, rule in SWITCHES:
            if re.search(rf"# {sign}", line) and not re.search(rf"# {sign}{rule} *[#(:-] *\w", line):
                yield f"{number}: {line.strip()[:80]}"


def machine_paths(text: str) -> Iterator[str]:
    """Yield lines with an absolute path below a folder of people, of a build or of temporary files."""
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield f"{number}: {line.strip()[:80]}"


Rule = Callable[[str], Iterator[str]]
RULES: list[tuple[Rule, str]] = [
    (long_files, "\n" * 401),
    (long_functions, "def f():\n" + "    pass\n" * 70),
    (impurities, "import time"),
    (impurities, "import numpy as np\nnp.random.seed(1)"),
    (impurities, "from datetime import datetime\ndatetime.now()"),
    (impurities, "from confluent_kafka import Producer"),
    (impurities, "print(1)"),
    (unstable_arithmetic, "import math\nmath.exp(1.0)"),
    (unstable_arithmetic, "from math import log"),
    (unstable_arithmetic, "import numpy as np\nnp.log1p(1.0)"),
    (unstable_arithmetic, "@njit(fastmath=True)\ndef f(): pass"),
    (unstable_arithmetic, "from numba import prange"),
    (unstable_arithmetic, "x = y ** 0.5"),
    (unstable_arithmetic, "x = a @ b"),
    (undocumented, '"""M."""\ndef f(): pass'),
    (bare_exceptions, "x = 1  # type: " + "ignore[attr-defined]"),
    (nameless_exceptions, "x = 1  # type: " + "ignore"),
    (bare_exceptions, "x = 1  # no" + "qa: E501"),
    (machine_paths, "x = '" + "/work" + "/main'"),
]


@pytest.mark.parametrize(("rule", "breach"), RULES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_rule_catches_its_breach(rule: Rule, breach: str) -> None:
    """A rule that catches nothing is no rule."""
    assert list(rule(breach))


def check(rule: Rule, paths: list[Path]) -> None:
    assert paths
    broken = [f"{name_of(path)}:{found}" for path in paths for found in rule(path.read_text())]
    assert not broken, "\n".join(broken)


def test_a_file_is_read_in_one_sitting() -> None:
    """No file of code or tests is longer than 400 lines; no exception is listed."""
    check(long_files, sources(*PACKAGES, "tests"))


def test_a_function_is_seen_whole() -> None:
    """No function is longer than 70 lines."""
    check(long_functions, sources(*PACKAGES, "tests"))


def test_the_core_is_pure() -> None:
    """No clock, randomness, log, I/O or global in the core folders of streams."""
    check(impurities, core_sources())


def test_the_core_counts_the_same_everywhere() -> None:
    """Transcendentals come from streams/numerics, which itself uses + - * / and square roots alone."""
    check(unstable_arithmetic, core_sources())


def test_what_the_core_offers_is_documented() -> None:
    """Every public function and class of the core says what it is."""
    check(undocumented, core_sources())


def test_every_exception_has_a_reason() -> None:
    """`type: ignore`, `noqa` and `no cover` name the rule and say why; in a test its aim is the reason."""
    check(bare_exceptions, sources(*PACKAGES))
    check(nameless_exceptions, sources("tests"))


def test_no_path_of_a_machine() -> None:
    """Nothing committed names a folder of the machine it was written on."""
    others = [path for name in ("*.toml", "*.md", "*.yml", "Makefile", ".ci/run") for path in ROOT.glob(name)]
    check(machine_paths, sources(*PACKAGES, "tests") + others)
