"""The table of faults: each has tests that pytest collects, or says why it has none."""

import pytest
import table

FAULTS = table.faults()


@pytest.fixture(scope="module")
def collected(collect):
    return collect({test for each in FAULTS for test in each["tests"]})


@pytest.mark.parametrize("each", FAULTS, ids=lambda each: each["fault"])
def test_fault_has_tests_that_are_collected_or_a_sentence(each, collected):
    assert set(each) <= {"fault", "tool", "tests", "but"}
    assert each["fault"]
    assert each["tool"]
    assert each["tests"] or each["but"].endswith(".")
    assert [test for test in each["tests"] if test not in collected] == []


def test_page_is_that_of_the_table():
    assert table.page() == table.PAGE.read_text()
