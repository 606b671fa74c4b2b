"""A plugin for ``pytest --nbval``: no saved output may be altered unnoticed.

After each cell that passed, every one of its saved outputs is altered, one place at a
time, and given to nbval's own comparison once more: each stream, each kind of each
display, and in JSON each leaf. A notebook is executed once for all of them.
"""

import copy

import nbformat
import pytest
from nbval.plugin import IPyNbCell, coalesce_streams

ALTERED = pytest.StashKey[int]()


def altered(value):
    """Other values than this one: of text, and of what JSON has."""
    match value:
        case bool():
            yield not value
        case str():
            for place in {0, len(value) // 2, max(0, len(value) - 1)}:
                new = "*" if value[place : place + 1] != "*" else "+"
                yield value[:place] + new + value[place + 1 :]
            yield value + "*"
        case int() | float():
            yield value + 1
        case None:
            yield "something"


def alterations(holder, key, where):
    """Alter what is at a place, and put it back; yields where, while it is altered."""
    value = holder[key]
    if isinstance(value, dict | list):
        for inner in list(value) if isinstance(value, dict) else range(len(value)):
            yield from alterations(value, inner, f"{where}[{inner!r}]")
        holder[key] = "gone"
        yield f"{where} as a whole"
    else:
        for other in altered(value):
            holder[key] = other
            yield where
    holder[key] = value


def alterations_of(outputs):
    """Each output's, and the loss of each."""
    for number, output in enumerate(outputs):
        where = f"output {number}"
        if output.output_type == "stream":
            yield from alterations(output, "text", f"{where}, {output.name}")
        for kind in list(output.get("data", {})):
            yield from alterations(output.data, kind, f"{where}, {kind}")
            kept = output.data.pop(kind)
            yield f"{where}, {kind} lost"
            output.data[kind] = kept
    for number, output in enumerate(list(outputs)):
        outputs.remove(output)
        yield f"output {number} lost"
        outputs.insert(number, output)


def saved_outputs(item):
    """As the file has them: nbval joins those that it compares, in place."""
    cells = nbformat.read(item.path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    return coalesce_streams(code[item.cell_num].outputs)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if isinstance(item, IPyNbCell):
        look_closely(item)
    return result


def look_closely(item):
    """Compare what the cell gave with each alteration of what is saved."""
    gave, saved = copy.deepcopy(item.test_outputs), saved_outputs(item)
    assert item.compare_outputs(gave, saved)
    item.format_output_compare = lambda *_: None  # no report of thousands
    count = 0
    for where in alterations_of(saved):
        count += 1
        assert not item.compare_outputs(gave, saved), f"altered unnoticed: {where}"
    assert item.compare_outputs(gave, saved), "not all is as it was"
    item.config.stash[ALTERED] = item.config.stash.get(ALTERED, 0) + count


def pytest_terminal_summary(terminalreporter, config):
    count = config.stash.get(ALTERED, 0)
    terminalreporter.write_line(f"altered in {count} places, each was noticed")
