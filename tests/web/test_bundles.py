"""The JavaScript: its types, its own tests, and that what is shipped is built from it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
WEB = REPO / "kgnb" / "web"
SHIPPED = [
    WEB / "kgnb.js",
    WEB / "page.js",
    WEB / "client.js",
    WEB / "labextension" / "static" / "remoteEntry.js",
]
PLAIN = [WEB / "kgnb.css", WEB / "pages.css", *(WEB / "pages").glob("*.html")]
"""Shipped as they are."""


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
    for path in SHIPPED:
        assert path.stat().st_size <= 160 * 1024, path.name


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
    build = json.loads((WEB / "labextension" / "package.json").read_text("utf-8"))
    entry = build["jupyterlab"]["_build"]
    bundle = (WEB / "labextension" / entry["load"]).read_text("utf-8")
    for module in (entry["extension"], entry["mimeExtension"]):
        assert f'"{module}"' in bundle
