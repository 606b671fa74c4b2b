"""The tests of this folder on the oldest LangGraph: all pass, or say what it lacks.

The installed LangGraph is the newest. The oldest is put into a folder of its own, first
on the path of a pytest that runs the other files; what these skip there is told apart
by features, never by versions. Any other version is tried so by hand.
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

HERE = Path(__file__).parent
REPO = HERE.parent.parent
NOT_THESE = {Path(__file__).stem, "test_langgraph_rules"}
FILES = sorted({file.stem for file in HERE.glob("test_langgraph_*.py")} - NOT_THESE)
OLDEST = ["langgraph==1.1.0", "langgraph-prebuilt==1.0.8", "langchain==1.2.12"]
"""The lowest that the extra ``langgraph`` admits, and what was released beside it."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """File to its tests' outcomes, in one run of all."""
    folder = tmp_path_factory.mktemp("langgraph")
    pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
    ]
    subprocess.run(
        [sys.executable, *pip, "--target", str(folder / "site"), *OLDEST], check=True
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    found = subprocess.run(
        [sys.executable, "-c", "import langgraph.version as v; print(v.__version__)"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == OLDEST[0].partition("==")[2]
    report = folder / "report.xml"
    files = [f"tests/engines/{name}.py" for name in FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rN", f"--junitxml={report}", *files],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    cases = list(ET.parse(report).iter("testcase"))
    return {
        name: [case for case in cases if name in case.get("classname", "").split(".")]
        for name in FILES
    }


@pytest.mark.parametrize("name", FILES)
def test_the_oldest_langgraph_passes_the_same_tests(outcomes, name):
    cases = outcomes[name]
    assert cases, "not collected"
    for case in cases:
        for wrong in (*case.iterfind("failure"), *case.iterfind("error")):
            pytest.fail(f"{case.get('name')}: {wrong.text}", pytrace=False)
        for skipped in case.iterfind("skipped"):
            assert skipped.get("message", "").startswith("this Lang")


def test_the_oldest_is_what_the_extra_admits():
    wanted = (REPO / "pyproject.toml").read_text()
    assert 'langgraph = ["langgraph>=1.1"]' in wanted
    assert OLDEST[0] == "langgraph==1.1.0"
