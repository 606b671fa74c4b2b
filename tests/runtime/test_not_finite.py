"""Numbers that JSON has not, on their way from a node to a browser."""

import json
import math

import msgspec

import kgnb


def test_numbers_that_json_has_not_reach_a_browser_as_null():
    class Measure(kgnb.Node):
        def exec(self, _):
            kgnb.emit("reading", {"value": math.nan, "all": [math.inf, -math.inf]})
            return math.nan

    run = kgnb.run(kgnb.Graph(Measure()), {"start": math.inf}, panel=False)
    run.result(30)
    view = msgspec.to_builtins(run.view)
    (reading,) = [each for each in view["custom"] if each["type"] == "reading"]
    assert reading["data"] == {"value": None, "all": [None, None]}
    assert view["results"] == {"Measure": None}
    json.dumps(view, allow_nan=False)
