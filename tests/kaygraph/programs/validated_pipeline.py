"""Rows go through stages that check what comes in and what goes out."""

import kgnb.graph as kaygraph


class Clean(kaygraph.ValidatedNode):
    def prep(self, shared):
        return shared["rows"]

    def validate_input(self, rows):
        if not isinstance(rows, list):
            raise TypeError(f"expected a list of rows, got {type(rows).__name__}")
        return rows

    def exec(self, rows):
        return [{**row, "name": row["name"].strip().title()} for row in rows]

    def validate_output(self, rows):
        nameless = [row for row in rows if not row["name"]]
        if nameless:
            raise ValueError(f"{len(nameless)} rows without a name")
        return rows

    def on_error(self, shared, exc):
        shared["problem"] = str(exc)
        return True

    def post(self, shared, prep_res, exec_res):
        shared["rows"] = exec_res
        return "cleaned"


class Score(kaygraph.ValidatedNode, kaygraph.BatchNode):
    """Checks the whole list, since the check stands before the batch."""

    def prep(self, shared):
        return shared["rows"]

    def validate_input(self, rows):
        return sorted(rows, key=lambda row: row["name"])

    def exec(self, row):
        return {**row, "score": row["points"] / 10}

    def validate_output(self, rows):
        return [row for row in rows if row["score"] <= 1]

    def post(self, shared, prep_res, exec_res):
        shared["rows"] = exec_res
        return "scored"


class Measured(kaygraph.MetricsNode):
    def post(self, shared, prep_res, exec_res):
        shared["summary"] = [f"{r['name']} {r['score']}" for r in shared["rows"]]
        return "published"


class Reject(kaygraph.Node):
    def post(self, shared, prep_res, exec_res):
        shared["summary"] = f"rejected: {shared['problem']}"
        return "rejected"


def build():
    clean, score, publish = Clean(), Score(), Measured(node_id="publish")
    clean - "cleaned" >> score
    clean >> Reject()
    score - "scored" >> publish
    return kaygraph.Graph(start=clean, config=kaygraph.Config(strict=True))


def main():
    rows = [{"name": " grace ", "points": 7}, {"name": "ada", "points": 11}]
    for given in (rows, [{"name": " ", "points": 1}], "no rows"):
        shared = {"rows": given}
        print(build().run(shared), shared["summary"])


if __name__ == "__main__":
    main()
