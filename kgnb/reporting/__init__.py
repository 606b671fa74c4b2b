"""``kgnb report``: a run as a page, a trace or a picture, wherever the run is.

Process: the ``kgnb`` command. Loop: none.
"""
