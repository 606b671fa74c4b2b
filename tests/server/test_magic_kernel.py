"""``%kgnb`` in a real kernel of a real server, which has another one's runs as well."""

from kernel_shell import Shell
from server_harness import ServerProcess

SETUP = """
import kgnb
%load_ext kgnb

class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish?", options=["yes", "no"]).result().value

run = kgnb.run(kgnb.Graph(Review(), name="{name}"), panel=False)
"""
OTHERS = """\
no runs in this kernel yet: kgnb.run(graph) starts one

runs of other kernels
#  run   status   at
1  tide  waiting

open questions
#  run   question  options
1  tide  Publish?  yes | no"""


async def test_magic_answers_and_opens_what_another_kernel_runs(tmp_path):
    with ServerProcess(tmp_path) as server:
        await server.wait_ready()
        first, second = (
            server.call("api/kernels", method="POST", body={"name": "python3"})["id"]
            for _ in range(2)
        )
        async with Shell(server, first) as one, Shell(server, second) as other:
            await one.run(SETUP.format(name="tide"))
            own = await one.run("while not run.approvals: pass\nprint(run.url)")
            assert await other.run("%load_ext kgnb\n%kgnb") == OTHERS
            assert await other.run("%kgnb open tide") == own
            assert await other.run("%kgnb open") == own.rpartition("runs/")[0]
            told = await other.run("%kgnb answer 1 yes --reason seen")
            assert told == "answered: Publish? yes"
            code = (
                "run.result(10)\nprint(run.approvals[0].value, run.approvals[0].reason)"
            )
            assert await one.run(code) == "yes seen"
            assert "open questions" not in await one.run("%kgnb")
