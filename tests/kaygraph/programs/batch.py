"""Summarise each of many texts, one after the other, then join what came."""

import kgnb.graph as kaygraph


class Load(kaygraph.Node):
    def prep(self, shared):
        return shared["files"]

    def exec(self, files):
        return [(name, text) for name, text in sorted(files.items()) if text]

    def post(self, shared, prep_res, exec_res):
        shared["texts"] = exec_res
        return "loaded" if exec_res else "nothing"


class Summarise(kaygraph.BatchNode):
    def prep(self, shared):
        return shared["texts"]

    def exec(self, item):
        name, text = item
        return f"{name}: {text.split('.')[0]}"

    def post(self, shared, prep_res, exec_res):
        shared["summaries"] = exec_res


class Report(kaygraph.Node):
    def exec(self, prep_res):
        return len(prep_res)

    def prep(self, shared):
        return shared.get("summaries", [])

    def post(self, shared, prep_res, exec_res):
        shared["report"] = f"{exec_res} summaries\n" + "\n".join(prep_res)
        return "reported"


def build():
    load, summarise, report = Load(), Summarise(node_id="summarise"), Report()
    load - "loaded" >> summarise
    load - "nothing" >> report
    summarise >> report
    return kaygraph.Graph(start=load)


def main():
    shared = {"files": {"b.txt": "Tides rise. Slowly.", "a.txt": "Wind.", "c.txt": ""}}
    action = build().run(shared)
    print(action, shared["report"], sep="\n")


if __name__ == "__main__":
    main()
