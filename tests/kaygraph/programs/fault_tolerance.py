"""A service that fails now and then: retries, a fallback, and an error handled."""

import kgnb.graph as kaygraph


class Flaky(kaygraph.Node):
    """Comes right at the third attempt."""

    def exec(self, prep_res):
        if self.cur_retry < 2:
            raise ConnectionError(f"attempt {self.cur_retry}")
        return "from the service"

    def post(self, shared, prep_res, exec_res):
        shared["first"] = (exec_res, self.cur_retry + 1)


class Broken(kaygraph.Node):
    """Never comes right; its fallback has the last word."""

    def prep(self, shared):
        return shared["cache"]

    def exec(self, cache):
        raise TimeoutError("the service is down")

    def exec_fallback(self, cache, exc):
        return f"{cache} ({exc})"

    def post(self, shared, prep_res, exec_res):
        shared["second"] = exec_res


class Careless(kaygraph.Node):
    """Its error is taken by on_error: the graph goes on by "default"."""

    def exec(self, prep_res):
        return 1 // 0

    def on_error(self, shared, exc):
        shared.setdefault("errors", []).append(type(exc).__name__)
        return True

    def post(self, shared, prep_res, exec_res):
        raise AssertionError("not reached")


class Items(kaygraph.ParallelBatchNode):
    """Each item has attempts and a fallback of its own."""

    def prep(self, shared):
        return range(8)

    def exec(self, number):
        if number % 2 and self.cur_retry < 1:
            raise ValueError(number)
        if number == 6:
            raise KeyError(number)
        return number, self.cur_retry + 1

    def exec_fallback(self, number, exc):
        return number, "given up"

    def post(self, shared, prep_res, exec_res):
        shared["items"] = exec_res
        return "survived"


def build():
    flaky, broken, careless = Flaky(max_retries=3), Broken(2, 0), Careless()
    flaky >> broken >> careless >> Items(max_workers=4, max_retries=2)
    return kaygraph.Graph(start=flaky)


def main():
    shared = {"cache": "from the cache"}
    print(build().run(shared), shared)


if __name__ == "__main__":
    main()
