"""The subset of FHIRPath that R4 search parameters are written in (https://hl7.org/fhir/R4/fhirpath.html).

``parse`` turns an expression into its union branches. A branch is a root type and steps; each step names an element and
may narrow it: ``ofType(Quantity)``, ``as Quantity``, ``[0]``, ``where(system='phone')``, ``where(resolve() is
Patient)``. One more form occurs, ``P.exists() and P != false``, whose result is always true or false: ``presence``.

Anything else raises ExpressionError, so that no published parameter is dropped unseen.
"""

import re

import msgspec

_token = re.compile(r"\s*(?:([A-Za-z_][A-Za-z0-9_]*)|(\d+)|'([^']*)'|(!=|[.()\[\]|=]))").match


class ExpressionError(ValueError):
    """An expression outside the subset: a change of the published definitions that the code must learn."""


class Step(msgspec.Struct, frozen=True):
    """One element of a path. ``type_name`` of '' is any type; ``resolves`` is the type a reference must point to."""

    name: str
    type_name: str = ""
    index: int | None = None
    where: tuple[str, str] | None = None
    resolves: str = ""

    def text(self) -> str:
        """The step as FHIRPath, without ``resolves``, which restricts a search and not what is indexed."""
        suffix = f".ofType({self.type_name})" if self.type_name else ""
        suffix += f"[{self.index}]" if self.index is not None else ""
        return self.name + suffix + (f".where({self.where[0]}='{self.where[1]}')" if self.where else "")


class Branch(msgspec.Struct, frozen=True):
    """One side of a union."""

    root: str
    steps: tuple[Step, ...]
    presence: bool = False


def parse(expression: str) -> tuple[Branch, ...]:
    """The union branches of an expression. Raises ExpressionError."""
    return _Parser(expression).union_to_end()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        place = 0
        while place < len(expression.rstrip()):
            found = _token(expression, place)
            if found is None:
                raise self._error()
            kind = ("name", "number", "text", "sign")[(found.lastindex or 1) - 1]
            self._tokens.append((kind, found[found.lastindex or 1]))
            place = found.end()

    def _error(self) -> ExpressionError:
        return ExpressionError(f"not in the FHIRPath subset of search parameters: {self._expression}")

    def _next(self, kind: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != kind:
            raise self._error()
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _take(self, text: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at][1] == text
        self._at += found
        return found

    def _expect(self, *texts: str) -> None:
        for text in texts:
            if not self._take(text):
                raise self._error()

    def union_to_end(self) -> tuple[Branch, ...]:
        found = self._union()
        if self._at != len(self._tokens):
            raise self._error()
        return found

    def _union(self) -> tuple[Branch, ...]:
        branches = list(self._term())
        while self._take("|"):
            branches += self._term()
        return tuple(branches)

    def _term(self) -> tuple[Branch, ...]:
        if self._take("("):
            inner = self._union()
            self._expect(")")
            return tuple(self._steps(branch.root, branch.steps) for branch in inner) if self._peek(".") else inner
        branch = self._steps(self._next("name"), ())
        if not self._take("and"):
            return (self._as_type(branch),)
        second = self._steps(self._next("name"), ())
        self._expect("!=", "false")
        if not branch.presence or second != Branch(branch.root, branch.steps):
            raise self._error()
        return (branch,)

    def _peek(self, text: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at][1] == text

    def _as_type(self, branch: Branch) -> Branch:
        """The infix ``path as Type``; a lone ``exists()`` has no meaning as an index."""
        if branch.presence:
            raise self._error()
        if self._take("as"):
            return self._narrowed(branch, type_name=self._next("name"))
        return branch

    def _steps(self, root: str, steps: tuple[Step, ...]) -> Branch:
        branch = Branch(root, steps)
        while True:
            if self._take("["):
                branch = self._narrowed(branch, index=int(self._next("number")))
                self._expect("]")
            elif self._take("."):
                name = self._next("name")
                branch = self._function(branch, name) if self._take("(") else self._step(branch, name)
            else:
                return branch

    def _step(self, branch: Branch, name: str) -> Branch:
        if branch.presence:
            raise self._error()
        return Branch(branch.root, (*branch.steps, Step(name)))

    def _function(self, branch: Branch, name: str) -> Branch:
        if name in ("ofType", "as"):
            branch = self._narrowed(branch, type_name=self._next("name"))
        elif name == "where" and self._take("resolve"):
            self._expect("(", ")", "is")
            branch = self._narrowed(branch, resolves=self._next("name"))
        elif name == "where":
            field = self._next("name")
            self._expect("=")
            branch = self._narrowed(branch, where=(field, self._next("text")))
        elif name == "first":
            branch = self._narrowed(branch, index=0)
        elif name == "exists":
            branch = Branch(branch.root, branch.steps, presence=True)
        else:
            raise self._error()
        self._expect(")")
        return branch

    def _narrowed(self, branch: Branch, **changes: object) -> Branch:
        if not branch.steps or branch.presence:
            raise self._error()
        last = branch.steps[-1]
        return Branch(branch.root, (*branch.steps[:-1], msgspec.structs.replace(last, **changes)))
