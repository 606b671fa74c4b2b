"""A supervisor hands tasks to workers until all are done well."""

import kgnb.graph as kaygraph


class Supervisor(kaygraph.Node):
    def prep(self, shared):
        return [task for task in shared["tasks"] if task not in shared["done"]]

    def exec(self, left):
        if not left:
            return "finish"
        return "research" if left[0].startswith("find") else "write"

    def post(self, shared, prep_res, exec_res):
        if prep_res:
            shared["task"] = prep_res[0]
        shared.setdefault("orders", []).append(exec_res)
        return exec_res


class Worker(kaygraph.Node):
    def __init__(self, skill, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.skill = skill

    def prep(self, shared):
        return shared["task"]

    def exec(self, task):
        return f"{self.skill}: {task}"

    def post(self, shared, prep_res, exec_res):
        shared["results"].append(exec_res)


class Check(kaygraph.Node):
    """Sends the first piece of writing back once."""

    def post(self, shared, prep_res, exec_res):
        task = shared["task"]
        tries = shared["tries"][task] = shared["tries"].get(task, 0) + 1
        if task.startswith("write") and tries == 1:
            return "again"
        shared["done"].append(task)
        return "good"


class Finish(kaygraph.Node):
    def post(self, shared, prep_res, exec_res):
        shared["summary"] = "; ".join(shared["results"])
        return "done"


def build():
    supervisor, check = Supervisor(node_id="supervisor"), Check()
    research = Worker("researcher", node_id="researcher")
    write = Worker("writer", node_id="writer")
    supervisor - "research" >> research
    supervisor - "write" >> write
    supervisor - "finish" >> Finish()
    research >> check
    write >> check
    check - "good" >> supervisor
    check - "again" >> write
    return kaygraph.Graph(supervisor)


def main():
    tasks = ["find tides", "write article"]
    shared = {"tasks": tasks, "done": [], "results": [], "tries": {}}
    print(build().run(shared), shared["orders"], shared["summary"], sep="\n")


if __name__ == "__main__":
    main()
