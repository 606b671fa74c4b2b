"""What a run looks like: the panel, and the record that stays.

Process: kernel. Loop: none; drawing and records are plain functions for any
thread, and the two live objects (:mod:`.display`, :mod:`.widget`) say theirs.
"""
