"""What the tests of notifications, commands and settings share."""

import json
import urllib.request

from playwright.sync_api import expect

ASK = """
import kgnb

class Review(kgnb.Node):
    def prep(self, shared):
        return shared["question"]

    def exec(self, question):
        return kgnb.ask(question, options=["publish", "revise"]).result()

    def post(self, shared, _, answer):
        shared["answer"] = answer.value

def asking(name, question):
    return kgnb.run(kgnb.Graph(Review(), name=name), {"question": question})
"""
LONG = "\n".join(["# far from any question"] * 40)
"""A cell that fills the window, to be in while the question is not in it."""


def toasts(notebook):
    """The notifications on the screen."""
    return notebook.page.locator(".Toastify__toast")


def toast(notebook, text):
    return toasts(notebook).filter(has_text=text)


def card(notebook, text):
    """The question's card in the notebook in front."""
    cards = notebook.page.locator(".jp-Notebook .kgnb-card")
    return cards.filter(has_text=text, visible=True)


def side(notebook):
    return notebook.page.locator("#kgnb-runs")


def tab(notebook):
    """The side panel's tab."""
    return notebook.page.locator("li.kgnb-tab[role=tab]")


def go_to(notebook, name):
    """Bring the notebook of that name to the front, opening it if it is not."""
    notebook.js(
        "path => { void jupyterapp.commands.execute('docmanager:open', { path }) }",
        name,
    )
    notebook.page.wait_for_function(
        "name => jupyterapp.shell.currentWidget?.context?.path === name", arg=name
    )


def look_away(notebook):
    """Scroll to the last cell."""
    notebook.js(
        """async () => {
            const notebook = jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = notebook.widgets.length - 1;
            await notebook.scrollToItem(notebook.activeCellIndex);
        }"""
    )


def tell_kernel(notebook, code):
    """Run code in the kernel of the notebook in front, in no cell of it."""
    notebook.js(
        """async code => {
            const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
            await kernel.requestExecute({ code, store_history: false }).done;
        }""",
        code,
    )


def call(jupyter, path, body=None, method="GET"):
    request = urllib.request.Request(
        jupyter.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"token {jupyter.token}"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        text = reply.read()
    return json.loads(text) if text else None


def open_approvals(jupyter):
    return call(jupyter, "kgnb/api/approvals")["approvals"]


def answer_all(jupyter, value="publish"):
    """Decide whatever is open, from nowhere near the page."""
    for asked in open_approvals(jupyter):
        path = f"kgnb/api/approvals/{asked['approval_id']}"
        call(jupyter, path, {"value": value}, "POST")


def put_settings(jupyter, **values):
    """Write the settings as another client would; an open page does not see it."""
    body = {"raw": json.dumps(values)}
    call(jupyter, "lab/api/settings/kgnb:runs", body, "PUT")


def expect_focused(locator):
    """The card has the focus, and is in the window."""
    expect(locator).to_be_focused()
    expect(locator).to_be_in_viewport()


def from_palette(notebook, label):
    """Choose a command as a person does."""
    notebook.execute("apputils:activate-command-palette")
    found = notebook.page.locator(".lm-CommandPalette-input")
    found.fill(f"kgnb {label}")
    item = notebook.page.locator(".lm-CommandPalette-item").filter(has_text=label)
    item.first.click()
