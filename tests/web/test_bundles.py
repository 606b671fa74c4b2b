"""The JavaScript: its types, its own tests, and that what is shipped is built from it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.imports import at_start, bytes_of

REPO = Path(__file__).parents[2]
WEB = REPO / "kgnb" / "web"
EXTENSION = WEB / "labextension"
SHIPPED = [
    WEB / "kgnb.js",
    WEB / "page.js",
    WEB / "client.js",
    *(EXTENSION / "static").glob("*.js"),
]
PLAIN = [WEB / "kgnb.css", WEB / "pages.css", *(WEB / "pages").glob("*.html")]
"""No scripts."""
KB = 1000
MOST = {
    "kgnb.js": 121 * KB,
    "page.js": 33 * KB,
    "client.js": 20 * KB,
    "kgnb.css": 33 * KB,
    "pages.css": 14 * KB,
    "JupyterLab, at its start": 93 * KB,
    "JupyterLab, with a run": 142 * KB,
    "JupyterLab, with a form": 169 * KB,
}
"""Bytes. What grows beyond it was looked at, and is worth it."""


def run(*command, cwd=WEB):
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def packages():
    """The development packages, as the lock file has them."""
    assert shutil.which("npm"), "npm is needed: apt-get install nodejs npm"
    wanted = (WEB / "package-lock.json").read_text("utf-8")
    stamp = WEB / "node_modules" / ".kgnb-lock.json"
    if not stamp.is_file() or stamp.read_text("utf-8") != wanted:
        run("npm", "ci", "--no-fund", "--no-audit")
        stamp.write_text(wanted, "utf-8")


def test_types_hold(packages):
    run("npx", "--no-install", "tsc", "-p", "tsconfig.json")


def test_node_tests_pass(packages):
    tests = sorted(str(path) for path in Path(__file__).parent.glob("*.test.mjs"))
    assert tests
    run("node", "--test", *tests)


def test_committed_bundles_are_what_the_sources_give(packages):
    run("node", "build.mjs", "--check")


def test_bundles_are_small():
    modules = list((EXTENSION / "static").iterdir())
    without_forms = [path for path in modules if not path.name.startswith("fields-")]
    sizes = {
        path.name: path.stat().st_size for path in WEB.glob("*.*s") if path.name in MOST
    }
    sizes["JupyterLab, at its start"] = bytes_of(at_start())
    sizes["JupyterLab, with a run"] = bytes_of(without_forms)
    sizes["JupyterLab, with a form"] = bytes_of(modules)
    print("", *(f"{size:>7} {name}" for name, size in sizes.items()), sep="\n")
    assert {name: size for name, size in sizes.items() if size > MOST[name]} == {}
    assert sizes.keys() == MOST.keys()


def test_panel_for_widgets_loads_nothing():
    # An anywidget's code runs from a Blob's URL, beside which there is nothing.
    text = (WEB / "kgnb.js").read_text("utf-8")
    assert re.findall(r"\bimport\s*[({\"']|\bfrom\s*\"", text) == []


def test_bundles_make_no_markup_and_no_code_from_text():
    forbidden = r"\.innerHTML|\.outerHTML\s*=|insertAdjacentHTML|document\.write\b|\beval\(|new Function\("
    for path in SHIPPED:
        assert re.findall(forbidden, path.read_text("utf-8")) == []


def test_bundles_name_no_foreign_host():
    for path in [*SHIPPED, *PLAIN]:
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text("utf-8")))
        assert hosts <= {"www.w3.org"}, path.name


def test_lock_file_names_no_registry():
    lock = json.loads((WEB / "package-lock.json").read_text("utf-8"))
    assert all("resolved" not in entry for entry in lock["packages"].values())


def test_extension_names_the_modules_that_it_has():
    build = json.loads((EXTENSION / "package.json").read_text("utf-8"))
    entry = build["jupyterlab"]["_build"]
    bundle = "".join(path.read_text("utf-8") for path in at_start())
    for module in (entry["extension"], entry["mimeExtension"]):
        assert f'"{module}"' in bundle


def test_extension_changes_its_name_with_its_content():
    # Browsers keep a server's static files for ever, by their names.
    names = [path.name for path in (EXTENSION / "static").iterdir()]
    assert [
        name for name in names if not re.search(r"[-.][0-9a-zA-Z]{8,}\.js$", name)
    ] == []
