"""The first wall: the small language of reward terms, as an allow-list over Python's syntax tree.

A term is one function of one argument: assignments and a final return over signals, numbers and
`functions.FUNCTIONS`. What the list does not name is refused. The tree that is compiled is not the
writer's own but one rebuilt from it, in which every operator and index is a call of ours, every signal a
lookup, and no attribute is left at all; it runs without builtins.
"""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

from planners.rewards.functions import FUNCTIONS, OPERATORS, OTHER_NAMES, part
from planners.rewards.problems import Kind, ProgramError

MOST_CHARACTERS, MOST_NODES, MOST_DEPTH = 4000, 600, 40
MODULES = ("np", "numpy", "torch", "math", "jnp", "F")
"""Names of modules that writers prefix functions with; the prefix is dropped, no module is there."""
_ADVICE: dict[type[ast.AST], str] = {
    ast.If: "Use where(condition, a, b) in place of if.",
    ast.IfExp: "Use where(condition, a, b) in place of an inline if.",
    ast.BoolOp: "Use & and | with brackets in place of and, or.",
    ast.Not: "Use ~ in place of not.",
    ast.For: "Terms are batched: drop the loop and write the formula once.",
    ast.While: "Terms are batched: drop the loop and write the formula once.",
    ast.Import: "Nothing can be imported; the functions are there already.",
    ast.ImportFrom: "Nothing can be imported; the functions are there already.",
    ast.List: "Use vec(0.1, 0.2, 0.3) for a constant vector, stack(a, b) to join numbers.",
    ast.Tuple: "Return one value per term; put another value into a term of its own.",
}

Function = Callable[[Any], Any]


def compile_term(name: str, source: str, signals: Iterable[str]) -> Function:
    """The term as a function from a view to a tensor.

    Raises:
        ProgramError: the source is not of the language.
    """
    if len(source) > MOST_CHARACTERS:
        raise ProgramError("size", name, 0, f"Its source is over {MOST_CHARACTERS} characters.")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        text = f"Not valid Python: {error.msg}; write `def {name}(s):` and a return."
        raise ProgramError("syntax", name, error.lineno or 0, text) from None
    except (ValueError, RecursionError, MemoryError):
        raise ProgramError("size", name, 0, "It cannot be parsed; write it shorter.") from None
    body = _Reader(name, tuple(signals)).function(tree)
    return _assemble(name, body)


def _assemble(name: str, body: list[ast.stmt]) -> Function:
    made = ast.FunctionDef(
        name="term",
        args=ast.arguments([], [ast.arg("s")], None, [], [], None, []),
        body=body,
        decorator_list=[],
    )
    module = ast.fix_missing_locations(ast.Module([made], []))
    names = _names()
    exec(compile(module, filename(name), "exec"), names)  # built above of allowed nodes alone
    return names["term"]


def filename(name: str) -> str:
    """What a term's frames are called in a traceback."""
    return f"<term {name}>"


def _names() -> dict[str, Any]:
    """The namespace of a term; made anew for each, so that none can change another's."""
    operators = {f"_{key}": function for key, function in OPERATORS.items()}
    return {"__builtins__": {}, "_part": part, "pi": math.pi, **operators, **FUNCTIONS}


class _Reader:
    """Rebuilds one term's tree from what is allowed in it."""

    def __init__(self, term: str, signals: tuple[str, ...]) -> None:
        self.term, self.signals = term, signals
        self.state, self.variables = "s", set[str]()

    def function(self, tree: ast.Module) -> list[ast.stmt]:
        """The statements of the module's one function."""
        if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
            first = tree.body[0] if tree.body else tree
            raise self.refusal(
                first, f"A term is one function, `def {self.term}(s):`, and nothing else."
            )
        made = tree.body[0]
        for count, (node, depth) in enumerate(_walk(made)):
            if count >= MOST_NODES or depth > MOST_DEPTH:
                raise self.refusal(node, "It is too long or nested too deep; split it.", "size")
        given = made.args
        others = [*given.posonlyargs, *given.kwonlyargs, given.vararg, given.kwarg, *given.defaults]
        if made.decorator_list or len(given.args) != 1 or any(others):
            raise self.refusal(
                made, f"Write `def {self.term}(s):` with one argument and no decorator."
            )
        self.state = given.args[0].arg
        if self.state.startswith("_") or self.state in FUNCTIONS:
            raise self.refusal(made, "Call the argument s.")
        body = [self.statement(node) for node in self._without_docstring(made.body)]
        if not body or not isinstance(body[-1], ast.Return):
            raise self.refusal(made, "Its last statement must be a return.")
        return body

    @staticmethod
    def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
        first = body[0]
        doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        return body[1:] if doc and isinstance(first.value.value, str) else body  # type: ignore[attr-defined]

    def statement(self, node: ast.stmt) -> ast.stmt:
        """An assignment to a plain name, or a return."""
        if isinstance(node, ast.Return) and node.value is not None:
            return ast.copy_location(ast.Return(self.value(node.value)), node)
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return self.assign(node, node.target, self.value(node.value))
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            left = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)
            sum_ = ast.copy_location(ast.BinOp(left, node.op, node.value), node)
            return self.assign(node, node.target, self.value(sum_))  # never in place
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            return self.assign(node, node.targets[0], self.value(node.value))
        raise self.refusal(node, "Only `name = ...` and a final return are allowed.")

    def assign(self, node: ast.stmt, target: ast.expr, value: ast.expr) -> ast.stmt:
        """``target = value`` for a target that is a plain, unused name."""
        if not isinstance(target, ast.Name):
            raise self.refusal(node, "Assign to one plain name at a time.")
        if target.id == self.state or target.id in _names() or target.id.startswith("_"):
            raise self.refusal(node, f"'{target.id}' is taken or reserved; choose another name.")
        self.variables.add(target.id)
        store = ast.Name(f"v_{target.id}", ast.Store())
        return ast.copy_location(ast.Assign([store], value), node)

    def value(self, node: ast.expr) -> ast.expr:
        """An expression, rebuilt."""
        made = self._value(node)
        return ast.copy_location(made, node)

    def _value(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                if not abs(number) <= 1e9:
                    raise self.refusal(node, "Numbers are finite and at most 1e9.")
                return ast.Constant(float(number))
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.Attribute(value=ast.Name(id=name), attr=signal) if name == self.state:
                return self.signal(node, signal)
            case ast.Subscript(
                value=ast.Name(id=name), slice=ast.Constant(value=str() as signal)
            ) if name == self.state:
                return self.signal(node, signal)
            case ast.Subscript(value=inner, slice=index):
                return self.call("_part", self.value(inner), self.index(index))
            case ast.BinOp(left=left, op=op, right=right):
                return self.operator(node, op, left, right)
            case ast.UnaryOp(op=op, operand=operand):
                return self.operator(node, op, operand)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.operator(node, op, left, right)
            case ast.Compare():
                raise self.refusal(node, "Write (a < b) & (b < c) in place of a chain.")
            case ast.Call():
                return self.called(node)
        raise self.refusal(node, "It is not part of the language.")

    def operator(self, node: ast.AST, op: ast.AST, *operands: ast.expr) -> ast.expr:
        """An operator, as a call of ours."""
        name = type(op).__name__
        if name not in OPERATORS:
            raise self.refusal(
                op if type(op) in _ADVICE else node, f"There is no operator {name}.", at=node
            )
        return self.call(f"_{name}", *(self.value(operand) for operand in operands))

    def called(self, node: ast.Call) -> ast.expr:
        """A call of one of the functions, by its plain name."""
        match node.func:
            case ast.Name(id=name):
                pass
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in MODULES:
                pass
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id=module), attr="linalg"), attr=name
            ) if module in MODULES:
                pass
            case ast.Attribute(attr=name):
                raise self.refusal(
                    node, f"Values have no methods; call {name[:60]}(x), if there is one."
                )
            case _:
                raise self.refusal(node, "Only the functions can be called, by their names.")
        name = OTHER_NAMES.get(name, name)
        if name not in FUNCTIONS:
            raise self.unknown(node, name, FUNCTIONS)
        keywords = []
        for keyword in node.keywords:
            if keyword.arg not in ("axis", "dim", "keepdim", "low", "high"):
                raise self.refusal(node, f"{name} has no argument '{keyword.arg}'.")
            keywords.append(ast.keyword(keyword.arg, self.value(keyword.value)))
        call = self.call(name, *(self.value(argument) for argument in node.args))
        call.keywords = keywords
        return call

    def call(self, name: str, *args: ast.expr) -> ast.Call:
        """A call of a name of ours."""
        return ast.Call(ast.Name(name, ast.Load()), list(args), [])

    def name(self, node: ast.AST, name: str) -> ast.expr:
        """A variable, or pi."""
        if name == "pi":
            return ast.Name(name, ast.Load())
        if name in self.variables:
            return ast.Name(f"v_{name}", ast.Load())
        if name == self.state:
            raise self.refusal(node, f"Take a signal of it, as {self.state}.{self.signals[0]}.")
        if name.startswith("_"):
            raise self.refusal(node, "Names with an underscore in front are not allowed.")
        raise self.unknown(
            node, name, [*self.variables, *(f"{self.state}.{s}" for s in self.signals)]
        )

    def signal(self, node: ast.AST, signal: str) -> ast.expr:
        """A lookup of a signal."""
        if signal not in self.signals:
            raise self.unknown(node, signal, self.signals)
        return ast.Subscript(ast.Name("s", ast.Load()), ast.Constant(signal), ast.Load())

    def index(self, node: ast.expr) -> ast.expr:
        """An index that keeps all simulations: ``[:, 0]``, ``[:, :2]``, ``[..., 0]``, ``[:, None]``."""
        items = node.elts if isinstance(node, ast.Tuple) else [node]
        if not 1 <= len(items) <= 3 or not self._whole(items[0]):
            advice = "Keep all simulations: index as x[:, 0] or x[:, :2]."
            raise self.refusal(items[0], advice)
        return ast.Tuple([self._index_part(item) for item in items], ast.Load())

    @staticmethod
    def _whole(node: ast.expr) -> bool:
        if isinstance(node, ast.Slice):
            return node.lower is None and node.upper is None and node.step is None
        return isinstance(node, ast.Constant) and node.value is Ellipsis

    def _index_part(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Slice(lower=low, upper=high, step=None):
                ends = [None if end is None else self._whole_number(end) for end in (low, high)]
                return ast.Slice(ends[0], ends[1])
            case ast.Constant(value=None):
                return ast.Constant(None)
            case ast.Constant(value=other) if other is Ellipsis:
                return ast.Constant(...)
        return self._whole_number(node)

    def _whole_number(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Constant(value=bool()):
                raise self.refusal(node, "Indices are plain whole numbers.")
            case ast.Constant(value=int() as number) if number < 1000:
                return ast.Constant(number)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)) if (
                number < 1000
            ):
                return ast.Constant(-number)
        raise self.refusal(node, "Indices are plain whole numbers.")

    def unknown(self, node: ast.AST, name: str, known: Iterable[str]) -> ProgramError:
        """The diagnostic for a name, with the nearest known ones."""
        if name.startswith("_"):
            return self.refusal(node, "Names with an underscore in front are not allowed.")
        known = list(known)
        near = difflib.get_close_matches(name, known, 3, 0.4) or known[:8]
        text = f"There is no '{name[:60]}' here; there is {', '.join(near)}."
        return self.refusal(node, text, "unknown name")

    def refusal(
        self, node: ast.AST, text: str, kind: Kind = "forbidden", at: ast.AST | None = None
    ) -> ProgramError:
        """The diagnostic at a node, with the advice for its kind of node."""
        shown = _ADVICE.get(type(node), text) if kind == "forbidden" else text
        return ProgramError(kind, self.term, getattr(at or node, "lineno", 0), shown)


def _walk(root: ast.AST) -> Iterable[tuple[ast.AST, int]]:
    """Every node with its depth, without recursion."""
    todo = [(root, 0)]
    while todo:
        node, depth = todo.pop()
        yield node, depth
        todo.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
