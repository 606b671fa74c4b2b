"""A real Dask cluster: a scheduler and worker processes, in a process of their own."""

import contextlib
import logging
import os
import subprocess
import sys


@contextlib.contextmanager
def serving(workers=2, *, allowed_failures=3):
    """The scheduler's address; all processes end with the block."""
    command = [sys.executable, __file__, str(workers), str(allowed_failures)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            address = process.stdout.readline().strip()
            assert address, "the cluster did not start"
            yield address
        finally:
            process.communicate()  # the end of its input is its end


def main():
    import dask
    import distributed

    # Workers print to where this process does, and nobody reads the pipe.
    told = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    dask.config.set({"distributed.scheduler.allowed-failures": int(sys.argv[2])})
    with distributed.LocalCluster(
        n_workers=int(sys.argv[1]),
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        silence_logs=logging.CRITICAL,
    ) as cluster:
        print(cluster.scheduler_address, file=told, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
