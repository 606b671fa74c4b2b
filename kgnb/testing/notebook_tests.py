"""``pytest --kgnb``: a notebook as a test.

It is run from the top in a kernel of its own, in CI mode. It fails by the first cell
that fails, by a run that did not complete, and by a record that is not the one saved in
the notebook; a notebook that is saved without outputs is only run.
"""

from __future__ import annotations

import copy
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)

from kgnb.errors import InvalidValue
from kgnb.testing.notebook_files import environment_of, sidecar_of
from kgnb.testing.notebook_reports import write_report
from kgnb.testing.records import first_difference, records_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from _pytest._code.code import TerminalRepr

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NOTE = "kgnb: "


class NotebookFile(pytest.File):
    """A notebook."""

    def collect(self) -> Iterator[NotebookItem]:
        """It is one test: its cells need each other."""
        yield NotebookItem.from_parent(self, name=self.path.stem)


@dataclass(kw_only=True, eq=False)
class Failure(Exception):
    """What is wrong with a notebook, for a stranger to act on."""

    where: str
    """The cell and the line, where there are any."""
    what: str
    """In one line."""
    source: str = ""
    """Of the cell, what the line says."""
    more: Sequence[str] = ()
    """Further lines."""
    todo: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}"]
        lines += [f"    {line}" for line in (self.source, *self.more) if line]
        return "\n".join([*lines, *(["", self.todo] if self.todo else [])])


class NotebookItem(pytest.Item):
    """The test that runs it."""

    def runtest(self) -> None:
        """Run it, keep its report, and judge it.

        Raises:
            Failure: What is wrong.
        """
        try:
            saved = _read(self.path)
            needed = environment_of(self.path)
        except (InvalidValue, nbformat.reader.NotJSONError, OSError) as error:
            raise Failure(where="cannot be read", what=str(error)) from None
        executed = _without_outputs(saved)
        failure = self._execute(executed, needed) or _judged(saved, executed)
        reports = self.config.getoption("--kgnb-reports")
        if reports:
            base = self.config.invocation_params.dir / reports
            kept = write_report(executed, self._report_path(base))
            self.add_report_section("call", "kgnb report", str(kept))
        if failure is not None:
            raise failure

    def _report_path(self, base: Path) -> Path:
        try:
            return base / self.path.relative_to(self.config.rootpath)
        except ValueError:  # given by a path outside
            return base / self.path.name

    def _execute(
        self, notebook: nbformat.NotebookNode, needed: dict[str, str]
    ) -> Failure | None:
        client = NotebookClient(
            notebook,
            timeout=self.config.getoption("--kgnb-timeout"),
            kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "python3"),
            record_timing=False,
            resources={"metadata": {"path": str(self.path.parent)}},
        )
        try:
            client.execute(env=os.environ | needed)
        except CellExecutionError:
            return _failed_cell(self.path, notebook)
        except CellTimeoutError:
            number, cell = _last_begun(notebook)
            limit = self.config.getoption("--kgnb-timeout")
            return Failure(
                where=f"cell {number}",
                what=f"took longer than {limit:g} s",
                source=_first_line(cell),
                todo="--kgnb-timeout=SECONDS gives cells more time.",
            )
        except DeadKernelError:
            number, cell = _last_begun(notebook)
            return Failure(
                where=f"cell {number}",
                what="the kernel died",
                source=_first_line(cell),
            )
        return None

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> str | TerminalRepr:
        """What is wrong, without our own traceback."""
        if isinstance(excinfo.value, Failure):
            return f"{self.path.name}, {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """How it is called."""
        return self.path, None, f"notebook {self.name}"


def _read(path: Path) -> nbformat.NotebookNode:
    found: nbformat.NotebookNode = nbformat.read(  # type: ignore[no-untyped-call]  # upstream
        path, as_version=4
    )
    return found


def _without_outputs(saved: nbformat.NotebookNode) -> nbformat.NotebookNode:
    notebook = copy.deepcopy(saved)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _code_cells(notebook: nbformat.NotebookNode) -> Iterator[tuple[int, Any]]:
    """Its code cells, with the numbers that they have when all are run."""
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    return enumerate((cell for cell in code if cell.source.strip()), 1)


def _last_begun(notebook: nbformat.NotebookNode) -> tuple[int, Any]:
    """The cell at which the execution stopped."""
    cells = list(_code_cells(notebook))
    for number, cell in cells:
        if cell.execution_count is None:
            return number, cell
    return cells[-1]


def _failed_cell(path: Path, notebook: nbformat.NotebookNode) -> Failure:
    failed = [
        (number, cell, output)
        for number, cell in _code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "error"
    ]
    number, cell, error = failed[-1]
    traceback = _COLOURS.sub("", "\n".join(error.traceback))
    # Of the cell itself: where one error led to another, both are printed.
    place = rf"Cell In ?\[{cell.execution_count}\], line (\d+)"
    found = re.search(place, traceback)
    lines = cell.source.splitlines()
    line = int(found.group(1)) if found else 1
    source = lines[line - 1].strip() if line <= len(lines) else lines[0]
    return Failure(
        where=f"cell {number}, line {line}",
        what=f"{error.ename}: {error.evalue}",
        source=source,
        more=[told for told in traceback.splitlines() if told.startswith(_NOTE)],
        todo=_what_to_do(path, error.ename),
    )


def _what_to_do(path: Path, name: str) -> str:
    if name != "Unanswerable":
        return ""
    return (
        f"Say what to answer beside the notebook, in {sidecar_of(path).name}:\n"
        f'    [answers]\n    "the message, or a part with *" = "the answer"\n'
        f'or in its metadata: {{"kgnb": {{"answers": ["the first answer", …]}}}}'
    )


def _judged(
    saved: nbformat.NotebookNode, executed: nbformat.NotebookNode
) -> Failure | None:
    """What is wrong with the runs of a notebook whose cells did not fail."""
    pairs = zip(_code_cells(saved), _code_cells(executed), strict=True)
    for (number, before), (_, after) in pairs:
        was, now = records_of(before), records_of(after)
        where, source = f"cell {number}", _first_line(after)
        if was:
            found = first_difference(was, now)
            if found is not None:
                return Failure(
                    where=where,
                    what=f"its run is not the one saved: {found}",
                    source=source,
                    todo="If it is to be so, run the notebook and save it.",
                )
            continue
        for record in now:
            if record["status"] != "completed":
                problem = (record.get("error") or {}).get("message", "")
                ended = f"run {record['workflow']!r} ended as {record['status']!r}"
                what = f"{ended}: {problem}" if problem else ended
                return Failure(where=where, what=what, source=source)
    return None


def _first_line(cell: Any) -> str:
    first: str = cell.source.strip().splitlines()[0]
    return first
