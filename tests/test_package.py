"""The package as a user meets it: its names, its import, its wheel."""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import kgnb

REPO = Path(__file__).parent.parent


def fresh(code):
    """What a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", kgnb.__all__)
def test_public_name_is_there(name):
    assert getattr(kgnb, name) is getattr(kgnb, name)


def test_panel_is_handed_to_the_runtime_once():
    # Another display would not know the output of a run whose node is the first to
    # say kgnb.ask.
    code = (
        "import kgnb; from kgnb.runtime import hooks; kgnb.run; one = hooks.display()"
    )
    assert fresh(f"{code}; kgnb.ask; print(hooks.display() is one)") == "True"


def test_public_names_are_those_of_the_readme():
    # The list is a contract: a change here is a change for every user.
    assert sorted(kgnb.__all__) == [
        "Answer",
        "Approval",
        "AsyncBatchGraph",
        "AsyncBatchNode",
        "AsyncGraph",
        "AsyncInteractiveGraph",
        "AsyncNode",
        "AsyncParallelBatchGraph",
        "AsyncParallelBatchNode",
        "BaseNode",
        "BatchGraph",
        "BatchNode",
        "BroadcastWebSocketNode",
        "Cassette",
        "ChatWebSocketNode",
        "CollaborativeWebSocketNode",
        "ConditionalSubGraphNode",
        "Config",
        "File",
        "Form",
        "Graph",
        "InteractiveGraph",
        "InteractiveNode",
        "InteractiveWebSocketNode",
        "KgnbError",
        "MetricsNode",
        "Node",
        "Panel",
        "ParallelBatchNode",
        "ParallelSubGraphNode",
        "PersistentGraph",
        "ProgressWebSocketNode",
        "Result",
        "Run",
        "SubGraphNode",
        "UserInputNode",
        "ValidatedNode",
        "Vote",
        "WebSocketNode",
        "__version__",
        "allow_nested_run",
        "ask",
        "compare",
        "compose_graphs",
        "emit",
        "export_workflow",
        "graph_to_yaml",
        "history",
        "idempotency_key",
        "load_workflow",
        "log",
        "manager",
        "node",
        "progress",
        "publish",
        "recorded",
        "replay",
        "run",
        "stream",
        "track",
        "validate_workflow",
        "yaml_to_graph",
    ]


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'grpah'"):
        _ = kgnb.grpah


def test_import_loads_neither_tornado_nor_the_widget():
    code = "import sys, kgnb; print([m for m in sys.modules if m in {heavy}])"
    heavy = ["tornado", "ipywidgets", "anywidget", "websockets", "asyncio", "msgspec"]
    assert fresh(code.format(heavy=heavy)) == "[]"


def test_first_run_loads_neither_tornado_nor_the_widget():
    code = "import sys, kgnb; kgnb.run; kgnb.Graph; print([m for m in sys.modules if m in {heavy}])"
    assert fresh(code.format(heavy=["tornado", "ipywidgets", "anywidget"])) == "[]"


def test_version_is_the_same_everywhere():
    extension = REPO / "kgnb" / "web" / "labextension"
    for name in ("package.json", "schemas/kgnb/package.json.orig"):
        package = json.loads((extension / name).read_text())
        assert kgnb.__version__ == version("kgnb") == package["version"]


def test_wheel_carries_everything_a_user_needs(tmp_path):
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(tmp_path),
            str(REPO),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("kgnb-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    data = f"kgnb-{kgnb.__version__}.data/data"
    extension = json.loads((REPO / "kgnb/web/labextension/package.json").read_text())
    script = extension["jupyterlab"]["_build"]["load"]
    assert {
        "kgnb/py.typed",
        "kgnb/data/recorded-streams.jsonl",
        "kgnb/llm/model.txt",
        "kgnb/llm/runtime.txt",
        "kgnb/web/kgnb.js",
        "kgnb/web/kgnb.css",
        "kgnb/web/pages/run.html",
        f"{data}/etc/jupyter/jupyter_server_config.d/kgnb.json",
        f"{data}/share/jupyter/labextensions/kgnb/package.json",
        f"{data}/share/jupyter/labextensions/kgnb/schemas/kgnb/package.json.orig",
        f"{data}/share/jupyter/labextensions/kgnb/schemas/kgnb/runs.json",
        f"{data}/share/jupyter/labextensions/kgnb/{script}",
    } <= names
    assert not [name for name in names if "node_modules" in name or "/src/" in name]
