"""A Jupyter server of its own process: its port, its kernels, its death."""
