"""A chat in the terminal: rounds of a graph until the person leaves."""

import kgnb.graph as kaygraph


class Reply(kaygraph.Node):
    def prep(self, shared):
        return shared["user_message"], shared["history"]

    def exec(self, inputs):
        message, history = inputs
        return f"({len(history) // 2 + 1}) you said: {message}"

    def post(self, shared, prep_res, exec_res):
        shared["history"] += [
            {"role": "user", "content": prep_res[0]},
            {"role": "assistant", "content": exec_res},
        ]
        shared["_scratch"] = exec_res
        print(exec_res)


class Command(kaygraph.Node):
    def post(self, shared, prep_res, exec_res):
        if shared["last_command"] == "clear":
            shared["history"].clear()


def build():
    listen = kaygraph.UserInputNode(prompt="you> ")
    listen - "message" >> Reply()
    listen - "command" >> Command()
    graph = kaygraph.InteractiveGraph(listen)
    listen >> Farewell()
    return graph


class Farewell(kaygraph.Node):
    """Where /exit leads: its action is None, the default one."""

    def post(self, shared, prep_res, exec_res):
        shared["farewell"] = "bye"


def main():
    shared = {"history": []}
    build().run_interactive(shared, max_iterations=20)
    print(shared["farewell"], len(shared["history"]), sorted(shared))


if __name__ == "__main__":
    main()
