"""Engines: each runs one kind of graph and reports its steps to an observer.

Process: kernel. Loop: the one that calls ``Engine.run``; sync code in threads.
"""
