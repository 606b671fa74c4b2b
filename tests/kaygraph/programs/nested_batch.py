"""Grade every pupil of every school: a graph of batches in a graph of batches."""

import kgnb.graph as kaygraph


class Grade(kaygraph.BatchNode):
    """Marks of one pupil, one by one."""

    def prep(self, shared):
        return shared["schools"][self.params["school"]][self.params["pupil"]]

    def exec(self, mark):
        return min(mark, 10)

    def post(self, shared, prep_res, exec_res):
        key = (self.params["school"], self.params["pupil"])
        shared.setdefault("grades", {})[key] = sum(exec_res) / len(exec_res)


class Pupils(kaygraph.BatchGraph):
    def prep(self, shared):
        return [{"pupil": name} for name in shared["schools"][self.params["school"]]]


class Schools(kaygraph.BatchGraph):
    def prep(self, shared):
        return [{"school": name} for name in shared["schools"]]

    def post(self, shared, prep_res, exec_res):
        shared["schools_graded"] = len(prep_res)
        return "graded"


def build():
    pupils = Pupils(start=Grade())
    return Schools(start=pupils)


def main():
    schools = {"north": {"ada": [9, 12], "grace": [8]}, "south": {"linus": [4, 6]}}
    shared = {"schools": schools}
    print(
        build().run(shared), shared["schools_graded"], sorted(shared["grades"].items())
    )


if __name__ == "__main__":
    main()
