"""BatchNode and ParallelBatchNode: items, their retries, order and threads."""

import contextvars
import threading

import pytest

from kgnb.graph import BatchNode, Graph, ParallelBatchNode


class Double(BatchNode):
    items = (1, 2, 3)

    def prep(self, shared):
        return self.items

    def exec(self, prep_res):
        return prep_res * 2

    def post(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


class DoubleInThreads(ParallelBatchNode, Double):
    pass


both = pytest.mark.parametrize("cls", [Double, DoubleInThreads])


def output_of(node):
    shared = {}
    node.run(shared)
    return shared["out"]


@both
def test_batch_gives_a_list_in_order(cls):
    assert output_of(cls()) == [2, 4, 6]


@both
def test_batch_none_is_no_items(cls):
    class Nothing(cls):
        items = None

    assert output_of(Nothing()) == []


@both
def test_batch_never_tests_its_items_for_truth(cls):
    class Array:
        """Refuses a truth test, as numpy's arrays and data frames do."""

        def __bool__(self):
            raise ValueError("ambiguous")

        def __len__(self):
            return 2

        def __iter__(self):
            return iter([5, 6])

    class Arrays(cls):
        items = Array()

    assert output_of(Arrays()) == [10, 12]


@both
def test_batch_takes_a_generator(cls):
    class Lazy(cls):
        def prep(self, shared):
            return (n for n in range(3))

    assert output_of(Lazy()) == [0, 2, 4]


def test_batch_generator_sees_what_exec_did():
    class Growing(Double):
        def prep(self, shared):
            self.done = []
            return self.until_three()

        def until_three(self):
            while len(self.done) < 3:
                yield len(self.done)

        def exec(self, prep_res):
            self.done.append(prep_res)
            return prep_res

    assert output_of(Growing()) == [0, 1, 2]


@both
def test_batch_item_has_its_own_retries_and_fallback(cls):
    tries = {}

    class Flaky(cls):
        def exec(self, prep_res):
            tries.setdefault(prep_res, []).append(self.cur_retry)
            if prep_res == 2:
                raise ValueError
            return prep_res

        def exec_fallback(self, prep_res, exc):
            return ("fallback", prep_res, self.cur_retry)

    node = Flaky(max_retries=3)
    assert output_of(node) == [1, ("fallback", 2, 2), 3]
    assert tries == {1: [0], 2: [0, 1, 2], 3: [0]}


def test_batch_failing_item_fails_the_node_and_stops_it():
    seen = []

    class Failing(Double):
        def exec(self, prep_res):
            seen.append(prep_res)
            if prep_res == 2:
                raise KeyError(prep_res)

    with pytest.raises(KeyError):
        Failing().run({})
    assert seen == [1, 2]


def test_batch_items_share_the_visits_attributes_in_order():
    class Summing(Double):
        total = 0

        def exec(self, prep_res):
            self.total += prep_res
            return self.total

    node = Summing()
    shared = {}
    Graph(node).run(shared)
    assert shared["out"] == [1, 3, 6]
    assert node.total == 0


def test_batch_mixed_in_class_behind_it_sees_items():
    class Wrapped:
        def _exec(self, prep_res):
            return ("wrapped", super()._exec(prep_res))

    class Before(Wrapped, Double):
        pass

    assert output_of(Before()) == ("wrapped", [2, 4, 6])


def test_parallel_retries_are_right_for_forty_failing_items_in_eight_threads():
    lock = threading.Lock()
    tries, fallbacks = {}, []

    class AllFail(ParallelBatchNode):
        def prep(self, shared):
            return range(40)

        def exec(self, prep_res):
            with lock:
                tries.setdefault(prep_res, []).append(self.cur_retry)
            raise ValueError

        def exec_fallback(self, prep_res, exc):
            with lock:
                fallbacks.append(prep_res)

    AllFail(8, max_retries=3).run({})
    assert sorted(fallbacks) == list(range(40))
    assert all(seen == [0, 1, 2] for seen in tries.values())


def test_parallel_items_without_a_limit_all_run_at_once():
    barrier = threading.Barrier(40)

    class Meeting(ParallelBatchNode):
        def prep(self, shared):
            return range(40)

        def exec(self, prep_res):
            barrier.wait(10)

    Meeting().run({})


def test_parallel_max_workers_is_the_most_at_a_time():
    lock, state = threading.Lock(), {"now": 0, "most": 0}

    class Counted(ParallelBatchNode):
        def prep(self, shared):
            return range(30)

        def exec(self, prep_res):
            with lock:
                state["now"] += 1
                state["most"] = max(state["most"], state["now"])
            with lock:
                state["now"] -= 1

    Counted(max_workers=2).run({})
    assert 1 <= state["most"] <= 2


@pytest.mark.parametrize("most", [0, -1])
def test_parallel_without_room_for_an_item_refuses_and_skips_none(most):
    class Two(ParallelBatchNode):
        def prep(self, shared):
            return [1, 2]

    with pytest.raises(ValueError, match="max_workers: expected at least 1"):
        Two(max_workers=most).run({})


def test_parallel_failing_item_lets_the_others_end_and_the_first_is_raised():
    done = []

    class Failing(ParallelBatchNode):
        def prep(self, shared):
            return range(4)

        def exec(self, prep_res):
            if prep_res in (1, 2):
                raise KeyError(prep_res)
            done.append(prep_res)

    with pytest.raises(KeyError) as caught:
        Failing().run({})
    assert caught.value.args == (1,)
    assert sorted(done) == [0, 3]


def test_parallel_items_carry_the_context():
    variable = contextvars.ContextVar("variable", default="unset")

    class Reading(ParallelBatchNode):
        def prep(self, shared):
            return range(3)

        def exec(self, prep_res):
            return variable.get()

        def post(self, shared, prep_res, exec_res):
            shared["out"] = exec_res

    token = variable.set("carried")
    try:
        assert output_of(Reading()) == ["carried"] * 3
    finally:
        variable.reset(token)


def test_parallel_positional_order_and_id():
    node = ParallelBatchNode(4, 3, 2, "n")
    assert (node.max_workers, node.max_retries, node.wait) == (4, 3, 2)
    assert node.node_id == "n"
    assert ParallelBatchNode("mine").node_id == "mine"
    assert ParallelBatchNode("mine").max_workers is None


@pytest.mark.parametrize("kind", [BatchNode, ParallelBatchNode])
def test_batch_of_what_is_no_iterable_names_the_node(kind):
    class Five(kind):
        def prep(self, shared):
            return 5

    with pytest.raises(
        TypeError, match=r"Five: prep of a batch gives .* got 5 \(int\)"
    ):
        Five().run({})
