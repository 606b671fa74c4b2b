"""Forms, files and edits, answered by a click while the cell blocks in result()."""

import pytest

pytestmark = pytest.mark.browser

ASKS = """
import dataclasses, datetime
import kgnb, pydantic

class Guest(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2, description="As in the passport")
    nights: int = pydantic.Field(2, ge=1, le=30)
    arrives: datetime.date

    @pydantic.field_validator("name")
    @classmethod
    def known(cls, value):
        if value == "Nobody":
            raise ValueError("nobody cannot be a guest")
        return value

@dataclasses.dataclass
class Room:
    number: int
    view: bool = False
    wishes: list[str] = dataclasses.field(default_factory=list)

class Reception(kgnb.Node):
    def exec(self, _):
        return [
            kgnb.ask("Who comes?", schema=Guest).result().value,
            kgnb.ask("Which room?", schema=Room).result().value,
            kgnb.ask("The passport, please.", kind="file").result().value,
        ]

    def post(self, shared, _, answers):
        shared["guest"], shared["room"], shared["file"] = answers
        shared["letter"] = f"Dear {answers[0].name}, welcome!"

reception = Reception()
letter = kgnb.Approval(
    "Send it?", options=["send", "drop"], payload="letter", edit=True,
    writes_reason="why",
)
reception >> letter
hotel = kgnb.Graph(reception, name="hotel")
"""

BLOCKED = """
shared = kgnb.run(hotel, {}).result().shared
print(repr(shared["guest"]), shared["room"])
print(shared["file"].name, shared["file"].text())
print(shared["approval"], shared["letter"], shared["why"])
"""


def test_forms_a_file_and_an_edit_are_answered_while_the_cell_blocks(
    lab, open_notebook
):
    notebook = open_notebook(lab, "forms.ipynb", ASKS, BLOCKED)
    notebook.run(0)
    notebook.run(1)
    panel = notebook.panel(1)
    panel.get_by_label("Name").fill("Nobody")
    panel.get_by_label("Arrives").fill("2026-12-24")
    panel.get_by_role("button", name="Send", exact=True).click()
    # Only the kernel's own validator refuses it; nothing that was typed is lost.
    panel.get_by_text("nobody cannot be a guest").wait_for()
    assert panel.get_by_label("Arrives").input_value() == "2026-12-24"
    panel.get_by_label("Name").fill("Ada")
    notebook.save()
    notebook.reload()
    panel = notebook.panel(1)
    panel.get_by_label("Name").wait_for()
    assert panel.get_by_label("Name").input_value() == "Ada"
    notebook.screenshot("form-in-lab")
    panel.get_by_role("button", name="Send", exact=True).click()

    panel.get_by_label("Number").fill("12")
    panel.get_by_label("View").check()
    panel.get_by_role("button", name="Add to Wishes").click()
    panel.get_by_label("Wishes 1", exact=True).fill("tea")
    panel.get_by_role("button", name="Send", exact=True).click()

    panel.locator("input[type=file]").set_input_files(
        {"name": "pass.txt", "mimeType": "text/plain", "buffer": b"Ada L."}
    )
    panel.get_by_text("pass.txt, 6 B").wait_for()
    panel.get_by_role("button", name="Send", exact=True).click()

    panel.get_by_label("Edit").fill("Dear Ada, come!")
    panel.get_by_text("Add a reason").click()
    panel.get_by_label("Reason").fill("shorter")
    notebook.screenshot("edit-in-lab")
    panel.get_by_role("button", name="send", exact=True).click()
    panel.get_by_text("completed").first.wait_for()
    assert notebook.errors == []


def test_what_the_person_gave_reaches_the_cell(lab, open_notebook):
    notebook = open_notebook(
        lab,
        "given.ipynb",
        ASKS,
        BLOCKED.replace(
            "hotel, {}",
            "hotel, {}, answers=[Guest(name='Ada', arrives='2026-12-24'), "
            "Room(12, True, ['tea']), b'Ada L.', "
            "kgnb.Answer('send', payload='Dear Ada, come!', reason='shorter')]",
        ),
    )
    notebook.run(0)
    notebook.run(1)
    notebook.wait_done(1)
    output = notebook.output(1)
    assert "arrives=datetime.date(2026, 12, 24)" in output
    assert "Room(number=12, view=True, wishes=['tea'])" in output
    assert "file Ada L." in output
    assert "send Dear Ada, come! shorter" in output
