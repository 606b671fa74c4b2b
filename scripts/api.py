"""Write docs/api.md: every public name, with its signature and its docstring."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.runtime.exporting import Exporting

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parent.parent / "docs" / "api.md"

_HEAD = """# Reference

Written by `scripts/api.py` from the docstrings; a test holds it up to date. What a name
is for is told in the [README](../README.md) and the other pages here.
"""
_MODULES = {
    "kgnb": None,
    "kgnb.graph": None,
    "kgnb.llm": None,
    "kgnb.clients": None,
    "kgnb.testing": None,
    "kgnb.server.asgi": ["create_app"],
}
"""Each with the names to list, if not all of ``__all__``."""
_NAMED = ("Args", "Raises", "Attributes")
_SECTIONS = (*_NAMED, "Returns", "Yields")
_ENTRY = re.compile(r"(\*{0,2}[\w.]+(?: \([^)]*\))?): (.*)", re.DOTALL)
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def page() -> str:
    """docs/api.md."""
    shown: dict[int, _Name] = {}
    parts = [_HEAD]
    for module_name, chosen in _MODULES.items():
        module = importlib.import_module(module_name)
        names = chosen or sorted(
            (name for name in module.__all__ if not name.startswith("__")),
            key=str.lower,
        )
        entries = []
        for name in names:
            entry = _Name(f"{module_name}.{name}", getattr(module, name))
            first = shown.setdefault(id(entry.value), entry)
            entry.other_name_of = None if first is entry else first
            if first is entry or first.short != name:  # kgnb.graph has kgnb's, too
                entries.append(entry)
        parts += [f"## {module_name}\n", _contents(entries)]
        parts += [entry.text() for entry in entries]
    return "\n".join(parts).rstrip() + "\n"


def _is_unnamed(kind: type) -> bool:
    """Whether its members are told with those of the classes that it is a base of."""
    return kind is Exporting


def _contents(entries: list[_Name]) -> str:
    links = (f"[`{each.short}`](#{each.anchor})" for each in entries)
    return " ·\n".join(links) + "\n"


class _Name:
    """One public name."""

    def __init__(self, path: str, value: Any) -> None:
        self.path = path
        self.short = path.rpartition(".")[2]
        self.value = value
        self.other_name_of: _Name | None = None
        # Else GitHub would have one anchor for kgnb.Run and kgnb.run.
        self.heading = f"class {path}" if inspect.isclass(value) else path

    @property
    def anchor(self) -> str:
        """As GitHub makes it of the heading."""
        return self.heading.lower().replace(".", "").replace(" ", "-")

    def text(self) -> str:
        """Its part of the page."""
        value = self.value
        first = self.other_name_of
        if first is not None:
            link = f"[`{first.path}`](#{first.anchor})"
            return f"### {self.heading}\n\nAnother name of {link}.\n"
        lines = [f"### {self.heading}\n"]
        if inspect.isclass(value):
            bases = [b for b in value.__bases__ if not _is_unnamed(b)]
            base = ", ".join(b.__name__ for b in bases if b is not object)
            lines.append(_code(f"class {self.short}{_signature(value)}"))
            lines += [f"Bases: `{base}`.\n"] if base else []
            lines.append(_prose(_doc(value)))
            lines += self._members()
        elif inspect.isroutine(value):
            mark = "async " if inspect.iscoroutinefunction(value) else ""
            lines.append(_code(f"{mark}{self.short}{_signature(value)}"))
            lines.append(_prose(_doc(value)))
        else:
            kind = type(value)  # an object, such as kgnb.manager
            lines.append(_prose(_doc(kind)))
            lines += _Name(self.path, kind)._members()  # noqa: SLF001  # its own
        return "\n".join(line for line in lines if line).rstrip() + "\n"

    def _members(self) -> Iterator[str]:
        for name, doc in self._fields.items():
            yield f"* **`{name}`**" + (f" {_inline(doc)}" if doc else "")
        if self._fields:
            yield ""
        own = [self.value, *filter(_is_unnamed, self.value.__mro__)]
        for name, member in (item for kind in own for item in vars(kind).items()):
            if name.startswith("_"):
                continue
            told = _member(name, member)
            if told:
                yield told

    @cached_property
    def _fields(self) -> dict[str, str]:
        """Annotated attributes, each with the string that follows it."""
        try:
            source = textwrap.dedent(inspect.getsource(self.value))
        except (OSError, TypeError):
            return {}
        (tree,) = ast.parse(source).body
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        found = {}
        for node, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                if node.target.id.startswith("_"):
                    continue
                doc = ""
                if isinstance(after, ast.Expr) and isinstance(
                    after.value, ast.Constant
                ):
                    doc = inspect.cleandoc(str(after.value.value))
                found[f"{node.target.id}: {ast.unparse(node.annotation)}"] = doc
        return found


def _member(name: str, member: Any) -> str:
    """A method or property of a class, if it says what it is."""
    if isinstance(member, (staticmethod, classmethod)):
        member = member.__func__
    if isinstance(member, property):
        doc = inspect.getdoc(member.fget) or ""
        return f"* **`.{name}`** {_inline(doc)}\n" if doc else ""
    if not inspect.isfunction(member) or not inspect.getdoc(member):
        return ""
    mark = "async " if inspect.iscoroutinefunction(member) else ""
    told = _prose(inspect.getdoc(member) or "").rstrip()
    heading = f"* **`{mark}.{name}{_signature(member, is_method=True)}`**\n\n"
    return heading + textwrap.indent(told, "  ") + "\n"


def _doc(value: Any) -> str:
    """Its own docstring: an inherited one tells of something else."""
    own = value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__
    return inspect.cleandoc(own or "")


def _signature(value: Any, *, is_method: bool = False) -> str:
    """A call as it is written: annotations as they stand in the source."""
    if hasattr(value, "__struct_fields__"):
        return ""  # its fields are listed
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    told, has_star = [], False
    given = list(signature.parameters.values())
    if is_method and given and given[0].name in ("self", "cls"):
        given = given[1:]
    for parameter in given:
        kind = parameter.kind
        if kind is kind.KEYWORD_ONLY and not has_star:
            told.append("*")
        has_star = has_star or kind in (kind.KEYWORD_ONLY, kind.VAR_POSITIONAL)
        told.append(_parameter(parameter))
        is_last = parameter is given[-1] or given[
            given.index(parameter) + 1
        ].kind is not (kind.POSITIONAL_ONLY)
        if kind is kind.POSITIONAL_ONLY and is_last:
            told.append("/")
    returned = signature.return_annotation
    is_told = returned not in (signature.empty, None, "None")
    arrow = f" -> {_annotation(returned)}" if is_told else ""
    line = f"({', '.join(told)}){arrow}"
    return _ADDRESS.sub("", line)


def _parameter(parameter: inspect.Parameter) -> str:
    kind, empty = parameter.kind, parameter.empty
    stars = {kind.VAR_POSITIONAL: "*", kind.VAR_KEYWORD: "**"}.get(kind, "")
    text = stars + parameter.name
    if parameter.annotation is not empty:
        text += f": {_annotation(parameter.annotation)}"
    if parameter.default is not empty:
        default = parameter.default
        named = getattr(default, "__name__", None)
        shown = named if callable(default) and named else repr(default)
        text += f" = {shown}" if parameter.annotation is not empty else f"={shown}"
    return text


def _annotation(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    return inspect.formatannotation(annotation).replace("typing.", "")


def _code(line: str) -> str:
    return f"```text\n{_wrapped(line)}\n```\n"


def _wrapped(line: str) -> str:
    """A long call with a parameter a line."""
    if len(line) <= 88:  # noqa: PLR2004  # as code is
        return line
    start, _, rest = line.partition("(")
    parts, depth, part = [], 0, ""
    for index, sign in enumerate(rest):
        if sign == ")" and depth == 0:
            tail = rest[index:]
            break
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += sign
    parts.append(part.strip())
    return start + "(\n" + "".join(f"    {each},\n" for each in parts) + tail


def _inline(doc: str) -> str:
    return _marked(" ".join(doc.split()))


def _marked(text: str) -> str:
    """Sphinx's marks as Markdown's."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def _prose(doc: str) -> str:
    """A docstring in Google's style, its sections as lists."""
    out: list[str] = []
    blocks = re.split(rf"^({'|'.join(_SECTIONS)}):\n", doc, flags=re.MULTILINE)
    out.append(_marked(blocks[0].rstrip()) + "\n" if blocks[0].strip() else "")
    for section, body in zip(blocks[1::2], blocks[2::2], strict=True):
        inner, rest = _split_section(body)
        out.append(f"*{section}*\n")
        if section in _NAMED:
            out += [f"* {_entry(item)}" for item in _items(inner)]
        else:
            out.append(_marked(inner.strip()))
        out.append("\n" + _marked(rest) + "\n" if rest else "")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out))


def _split_section(body: str) -> tuple[str, str]:
    """The indented lines of a section, and the prose that follows it."""
    lines = body.splitlines()
    end = next(
        (n for n, line in enumerate(lines) if line and not line.startswith("    ")),
        len(lines),
    )
    return textwrap.dedent("\n".join(lines[:end])), "\n".join(lines[end:]).strip()


def _items(text: str) -> list[str]:
    """Entries, each with the lines that are indented below it."""
    found: list[str] = []
    for line in text.splitlines():
        if line and not line.startswith(" ") and _ENTRY.match(line):
            found.append(line)
        elif line.strip():
            found = [*found[:-1], f"{found[-1]} {line.strip()}"] if found else [line]
    return found


def _entry(item: str) -> str:
    found = _ENTRY.fullmatch(item)
    if found is None:
        return _marked(item)
    return f"`{found[1]}`: {_marked(found[2])}"


if __name__ == "__main__":
    PAGE.write_text(page())
