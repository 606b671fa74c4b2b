"""Forms in the panel: a field for each part, and nothing typed is lost."""

import json

import pytest
import scenes
import scenes_forms
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect


@pytest.fixture
def page(harness):
    return harness.page


def show(harness, events):
    harness.push(*events)
    harness.live()
    expect(harness.page.locator(".kgnb-card .kgnb-primary")).to_be_enabled(timeout=3000)


def send(page, name="Send"):
    page.get_by_role("button", name=name, exact=True).click()


def sent(harness):
    (frame,) = harness.sent("answer")
    return frame


def fill_booking(page):
    page.get_by_label("Name of the guest").fill("Ada")
    page.get_by_label("Arrives").fill("2026-12-24")
    room = page.get_by_role("group", name="Room", exact=True)
    room.get_by_label("Name").fill("Blue")
    page.get_by_label("Number").fill("1234")


def test_form_of_a_pydantic_model_gives_what_its_fields_say(harness, page):
    show(harness, scenes_forms.booking())
    fill_booking(page)
    page.get_by_label("crib").check()
    page.get_by_label("Pets").select_option("Yes")
    page.get_by_label("Price").fill("99.5")
    page.get_by_role("button", name="Add to Friends").click()
    page.get_by_label("Friends 1", exact=True).fill("Bob")
    page.get_by_role("button", name="Add to Labels").click()
    page.get_by_label("Name of Labels 1").fill("vip")
    page.get_by_label("Labels 1", exact=True).fill("3")
    send(page)
    value = sent(harness)["value"]
    assert value == {
        "guest": "Ada",
        "arrives": "2026-12-24",
        "board": "half",
        "extras": ["crib"],
        "smoker": False,
        "pets": True,
        "price": 99.5,
        "room": {"name": "Blue", "beds": 2},
        "friends": ["Bob"],
        "labels": {"vip": 3},
        "pays": {"kind": "card", "number": "1234"},
    }
    assert scenes_forms.Booking.model_validate_json(json.dumps(value)).guest == "Ada"


def test_union_and_optional_group_show_the_fields_of_what_is_chosen(harness, page):
    show(harness, scenes_forms.booking())
    fill_booking(page)
    page.get_by_label("Pays: kind").select_option("Invoice")
    page.get_by_label("Address").fill("Quay 1")
    page.get_by_label("Second room").check()
    second = page.get_by_role("group", name="Second room")
    second.get_by_label("Name").fill("Red")
    send(page)
    value = sent(harness)["value"]
    assert value["pays"] == {"kind": "invoice", "address": "Quay 1"}
    assert value["second_room"] == {"name": "Red", "beds": 2}


def test_form_of_a_dataclass_has_dates_lists_and_files(harness, page):
    show(harness, scenes_forms.trip())
    page.get_by_label("City").fill("Oslo")
    page.get_by_label("Nights").fill("4")
    page.get_by_label("Leaves").fill("2026-12-24T10:30:00")
    page.get_by_label("Ticket optional").set_input_files(
        {"name": "t.bin", "mimeType": "", "buffer": b"\x00\x01"}
    )
    expect(page.locator(".kgnb-file")).to_contain_text("t.bin, 2 B")
    send(page)
    value = sent(harness)["value"]
    assert value["city"] == "Oslo"
    assert value["nights"] == 4
    assert value["leaves"].startswith("2026-12-24T10:30:00")
    assert value["leaves"][19:] in ("+00:00", "-00:00") or len(value["leaves"]) == 25
    assert value["ticket"] == "AAE="


def test_problem_stands_at_its_field_and_gets_the_focus(harness, page):
    show(harness, scenes_forms.trip())
    page.get_by_label("Nights").fill("99")
    send(page)
    city, nights = page.get_by_label("City"), page.get_by_label("Nights")
    expect(city).to_be_focused()
    expect(city).to_have_attribute("aria-invalid", "true")
    expect(city).to_have_accessible_description("Fill this in.")
    expect(nights).to_have_accessible_description("Breakfasts At most 30.")
    expect(page.get_by_role("alert")).to_have_text(
        "Please look again at: City, Nights."
    )
    assert harness.sent("answer") == []
    city.fill("Oslo")
    nights.fill("3")
    send(page)
    assert sent(harness)["value"] == {"city": "Oslo", "nights": 3}


def test_refusal_of_the_judge_stands_at_its_field_and_loses_nothing(harness, page):
    show(harness, scenes_forms.booking())
    fill_booking(page)
    harness.js(
        """() => { harness.reply = {code: "invalid", message: "…", data: {problems: [
            {path: ["room", "name"], message: "is taken"},
            {path: ["pays", "number"], message: "is unknown"}]}} }"""
    )
    send(page)
    name = page.get_by_role("group", name="Room", exact=True).get_by_label("Name")
    expect(name).to_have_accessible_description("As it stands on the door is taken")
    expect(page.get_by_label("Number")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_have_text(
        "Please look again at: Name, Number."
    )
    expect(page.get_by_label("Name of the guest")).to_have_value("Ada")
    harness.js("() => { harness.reply = 'ack' }")
    name.fill("Green")
    send(page)
    assert harness.sent("answer")[-1]["value"]["room"]["name"] == "Green"


def test_question_asked_again_holds_what_was_typed_and_what_is_wrong(harness, page):
    typed = {"guest": "Ada", "arrives": "2020-01-01", "room": {"name": "Blue"}}
    problems = [
        {"path": ["arrives"], "message": "is in the past"},
        {"path": [], "message": "the hotel is full"},
    ]
    correction = {"value": typed, "problems": problems}
    show(harness, scenes_forms.booking(correction=correction))
    expect(page.get_by_label("Name of the guest")).to_have_value("Ada")
    arrives = page.get_by_label("Arrives")
    expect(arrives).to_have_value("2020-01-01")
    expect(arrives).to_have_accessible_description("The first night is in the past")
    expect(page.locator(".kgnb-card")).to_contain_text("the hotel is full")


def test_typed_text_outlives_a_reload(harness, page):
    events = scenes_forms.booking()
    show(harness, events)
    fill_booking(page)
    page.get_by_label("Second room").check()
    page.get_by_role("button", name="Add to Friends").click()
    page.get_by_label("Friends 1", exact=True).fill("Bob")
    page.get_by_text("Add a reason").click()
    page.get_by_label("Reason").fill("because")
    page.reload()
    page.wait_for_function("() => window.harness?.isReady")
    show(harness, events)
    expect(page.get_by_label("Name of the guest")).to_have_value("Ada")
    expect(page.get_by_label("Second room")).to_be_checked()
    expect(page.get_by_label("Friends 1", exact=True)).to_have_value("Bob")
    expect(page.get_by_label("Reason")).to_have_value("because")


def test_draft_is_gone_once_the_question_is_decided(harness, page):
    show(harness, scenes_forms.trip())
    page.get_by_label("City").fill("Oslo")
    assert harness.js("() => sessionStorage.length") == 1
    send(page)
    expect(page.locator(".kgnb-card")).to_have_count(0)
    assert harness.js("() => sessionStorage.length") == 0


def test_lost_connection_takes_neither_text_nor_focus(harness, page):
    show(harness, scenes_forms.trip())
    city = page.get_by_label("City")
    city.fill("Os")
    harness.js("() => { harness.isDown = true; harness.cut() }")
    expect(page.locator(".kgnb-connection")).to_have_text("reconnecting")
    expect(city).to_be_focused()
    page.keyboard.type("lo")
    harness.js("() => { harness.isDown = false }")
    expect(page.locator(".kgnb-connection")).to_have_text("live", timeout=15_000)
    expect(city).to_have_value("Oslo")
    send(page)
    expect(page.locator(".kgnb-card")).to_have_count(0)
    assert sent(harness)["value"]["city"] == "Oslo"


def test_reason_goes_along(harness, page):
    show(harness, scenes.waiting())
    page.get_by_text("Add a reason").click()
    page.get_by_label("Reason").fill("  too long  ")
    send(page, "revise")
    assert sent(harness)["reason"] == "too long"


def test_edit_shows_what_changed_and_the_way_back(harness, page):
    show(harness, scenes_forms.edit())
    text = page.get_by_label("Edit")
    before = text.input_value()
    text.fill(before.replace("high", "low"))
    changes = page.locator(".kgnb-changes")
    expect(changes).to_contain_text("Edited: 1 line added, 1 line removed")
    changes.locator("summary").click()
    expect(page.locator("[data-change=removed]")).to_contain_text("the tide is high.")
    page.get_by_role("button", name="Undo my changes").click()
    expect(text).to_have_value(before)
    expect(changes).to_be_hidden()


def test_edit_with_options_sends_the_option_and_the_payload(harness, page):
    show(harness, scenes_forms.edit(options=["send", "reject"]))
    page.get_by_label("Edit").fill("Come.")
    send(page, "send")
    frame = sent(harness)
    assert (frame["value"], frame["edited_payload"]) == ("send", "Come.")


def test_edit_with_options_left_alone_sends_the_option_alone(harness, page):
    show(harness, scenes_forms.edit(options=["send", "reject"]))
    send(page, "reject")
    frame = sent(harness)
    assert frame["value"] == "reject"
    assert "edited_payload" not in frame


def test_json_payload_is_edited_field_by_field_or_as_json(harness, page):
    payload = {"tool": "delete", "force": True, "paths": ["/a"], "more": None}
    show(harness, scenes_forms.edit(payload=payload))
    page.get_by_label("Force").uncheck()
    page.get_by_role("button", name="Edit as JSON").click()
    editor = page.get_by_label("Your answer as JSON")
    assert json.loads(editor.input_value()) == {**payload, "force": False}
    editor.fill('{"tool": ')
    page.get_by_role("button", name="Edit field by field").click()
    expect(editor).to_have_attribute("aria-invalid", "true")
    editor.fill('{"tool": "move", "to": "/b"}')
    page.get_by_role("button", name="Edit field by field").click()
    page.get_by_label("To", exact=True).fill("/c")
    send(page, "Approve")
    assert sent(harness)["value"] == {"tool": "move", "to": "/c"}


def test_payload_of_a_type_is_edited_in_its_form(harness, page):
    trip = scenes_forms.Trip("Oslo", 2)
    show(harness, scenes_forms.edit(payload=trip))
    expect(page.get_by_label("City")).to_have_value("Oslo")
    page.get_by_label("Nights").fill("5")
    expect(page.locator(".kgnb-changes")).to_contain_text("1 line added")
    send(page, "Approve")
    assert sent(harness)["value"]["nights"] == 5


def test_file_is_sent_with_its_name_type_and_content(harness, page):
    show(harness, scenes_forms.file())
    send(page)
    expect(page.get_by_role("alert")).to_have_text("Choose a file.")
    picker = page.locator(".kgnb-file-input")
    expect(picker).to_be_focused()
    picker.set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": b"1,2\n"}
    )
    send(page)
    assert sent(harness)["value"] == {
        "name": "a.csv",
        "type": "text/csv",
        "size": 4,
        "content": "MSwyCg==",
    }


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (("big.csv", b"x" * 700_001), "too large: 700 kB"),
        (("a.exe", b"x"), "not of the kinds that are asked for: .csv, image/*"),
    ],
)
def test_file_that_cannot_be_sent_is_refused_at_once(harness, page, file, complaint):
    name, content = file
    show(harness, scenes_forms.file(accept=[".csv", "image/*"]))
    page.locator(".kgnb-file-input").set_input_files(
        {"name": name, "mimeType": "", "buffer": content}
    )
    expect(page.locator(".kgnb-form-error")).to_contain_text(complaint)
    send(page)
    assert harness.sent("answer") == []


def test_file_is_dropped_and_removed(harness, page):
    show(harness, scenes_forms.file())
    harness.js(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["hi"], "note.txt", {type: "text/plain"}));
            const where = document.querySelector(".kgnb-file");
            for (const type of ["dragenter", "dragover", "drop"])
                where.dispatchEvent(new DragEvent(type, {dataTransfer: data,
                    bubbles: true, cancelable: true}));
        }"""
    )
    expect(page.locator(".kgnb-file")).to_contain_text("note.txt, 2 B")
    page.get_by_role("button", name="Remove the file of").click()
    expect(page.locator(".kgnb-file")).to_contain_text("No file chosen yet.")


def test_form_is_filled_and_sent_by_keyboard(harness, page):
    show(harness, scenes_forms.trip())
    page.get_by_label("City").focus()
    page.keyboard.type("Oslo")
    while page.evaluate("() => document.activeElement.textContent") != "Send":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".kgnb-card")).to_have_count(0)
    assert sent(harness)["value"] == {"city": "Oslo", "nights": 3}


def test_remove_keeps_the_focus_in_the_list(harness, page):
    show(harness, scenes_forms.trip())
    for _ in range(2):
        page.get_by_role("button", name="Add to Stops").click()
    page.get_by_role("button", name="Remove Stops 1").click()
    expect(page.get_by_label("Stops 2", exact=True)).to_be_focused()


def test_schema_that_holds_itself_is_shown_as_far_as_it_is_filled(harness, page):
    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#"}},
        },
    }
    show(harness, [scenes.started(), scenes_forms.question(schema=schema)])
    page.get_by_label("Name").fill("root")
    page.get_by_role("button", name="Add to Children").click()
    page.get_by_role("group", name="Children 1").get_by_label("Name").fill("leaf")
    send(page)
    assert sent(harness)["value"] == {"name": "root", "children": [{"name": "leaf"}]}


def test_what_no_field_serves_is_typed_as_json(harness, page):
    schema = {"type": "object", "properties": {"any": {}}, "required": ["any"]}
    show(harness, [scenes.started(), scenes_forms.question(schema=schema)])
    page.get_by_label("Any").fill("[1,")
    send(page)
    expect(page.locator(".kgnb-form-error").last).to_contain_text("not JSON")
    page.get_by_label("Any").fill("[1, 2]")
    send(page)
    assert sent(harness)["value"] == {"any": [1, 2]}


def test_decision_tells_a_form_a_file_and_an_edit(harness, page):
    def decided(event, value, **data):
        approval_id = event["data"]["approval_id"]
        answer = scenes.answered(value, approval_id)
        return [event, {**answer, "data": {**answer["data"], **data}}]

    file = {"name": "a.csv", "type": "text/csv", "size": 1200, "content": "AAAA"}
    asked = scenes_forms.question
    harness.push(
        scenes.started(),
        *decided(asked("A form?", "a1", schema=scenes_forms.Trip), {"city": "Oslo"}),
        *decided(asked("A file?", "a2", kind="file"), file),
        *decided(
            asked("An edit?", "a3", kind="edit", payload="one", options=["go"]),
            "go",
            edited_payload="two",
        ),
    )
    harness.live()
    page.get_by_text("Decisions").click()
    rows = page.locator(".kgnb-decision")
    expect(rows.nth(0)).to_contain_text('"city": "Oslo"')
    expect(rows.nth(1)).to_contain_text("a.csv, 1 kB")
    expect(rows.nth(2)).to_contain_text("\N{MINUS SIGN} one")
    expect(rows.nth(2)).to_contain_text("+ two")
    assert "AAAA" not in page.content()


SCENES = {
    "booking": scenes_forms.booking,
    "trip": scenes_forms.trip,
    "edit": lambda: scenes_forms.edit(options=["send", "reject"]),
    "tool": lambda: scenes_forms.edit(payload={"tool": "x", "paths": ["/a"], "n": {}}),
    "file": lambda: scenes_forms.file(accept=[".csv", "image/*"]),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("scene", SCENES)
def test_axe_finds_nothing_serious_in_a_form(open_harness, scene, theme):
    harness = open_harness(theme=theme)
    show(harness, SCENES[scene]())
    harness.page.get_by_text("Add a reason").click()
    if scene not in ("edit", "tool"):  # these may be sent as they are
        harness.page.locator(".kgnb-card .kgnb-primary").click()
    found = Axe().run(harness.page, options={"resultTypes": ["violations"]}).response
    serious = [
        (violation["id"], [node["html"][:160] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize("scene", SCENES)
def test_form_fits_a_phone(open_harness, scene):
    harness = open_harness(width=360)
    show(harness, SCENES[scene]())
    page = harness.page
    for label in ("Add to Friends", "Add to Labels"):
        for button in page.get_by_role("button", name=label).all():
            button.click()
    wide = page.evaluate(
        """() => [...document.querySelectorAll('.kgnb-card *')].filter(element => {
            const box = element.getBoundingClientRect();
            return box.width > 1 && box.right > innerWidth - 8;
        }).map(element => element.className || element.tagName)"""
    )
    assert wide == []
