"""Questions with a form, as the kernel puts them on the wire."""

import dataclasses
import datetime as dt
from typing import Annotated, Literal

import msgspec
import pydantic
import scenes

from kgnb.runtime.asking import Wanted, terms_of


class Room(pydantic.BaseModel):
    """A room to sleep in."""

    name: str = pydantic.Field(min_length=2, description="As it stands on the door")
    beds: int = pydantic.Field(2, ge=1, le=6)


class Card(pydantic.BaseModel):
    kind: Literal["card"] = "card"
    number: str = pydantic.Field(pattern=r"^\d{4}$", description="The last four digits")


class Invoice(pydantic.BaseModel):
    kind: Literal["invoice"] = "invoice"
    address: str


class Booking(pydantic.BaseModel):
    """Everything that the hotel wants to know."""

    guest: str = pydantic.Field(title="Name of the guest", min_length=2)
    arrives: dt.date = pydantic.Field(description="The first night")
    called_at: dt.datetime | None = None
    board: Literal["none", "half", "full"] = "half"
    extras: set[Literal["crib", "parking", "view"]] = set()
    smoker: bool = False
    pets: bool | None = None
    price: float = pydantic.Field(120.5, gt=0, le=999)
    room: Room
    second_room: Room | None = None
    friends: list[str] = pydantic.Field([], max_length=2)
    labels: dict[str, int] = {}
    pays: Annotated[Card | Invoice, pydantic.Field(discriminator="kind")]


@dataclasses.dataclass
class Trip:
    """Where to, and when."""

    city: str
    nights: Annotated[int, msgspec.Meta(ge=1, le=30, description="Breakfasts")] = 3
    leaves: dt.datetime | None = None
    stops: list[str] = dataclasses.field(default_factory=list)
    ticket: bytes | None = None


def question(message="Please tell us.", approval="a1", **wanted):
    """The event that asks it."""
    data = msgspec.to_builtins(terms_of(Wanted(message=message, **wanted)).data)
    extra = {"options": None, "payload": None, **data, "approval_id": approval}
    return scenes.ask(approval, **{**extra, "args_hash": f"hash-{approval}"})


def booking(**data):
    return [scenes.started(), with_data(question(schema=Booking), **data)]


def trip():
    return [scenes.started(), question("Where to?", schema=Trip)]


def edit(**wanted):
    text = "Dear Ada,\n\nthe tide is high.\nCome soon.\n\nYours, Bob"
    wanted = {"payload": text, "kind": "edit", **wanted}
    return [scenes.started(), question("Send this letter?", **wanted)]


def file(**wanted):
    asked = question("Which measurements?", kind="file", **wanted)
    return [scenes.started(), asked]


def with_data(event, **data):
    return {**event, "data": {**event["data"], **data}}
