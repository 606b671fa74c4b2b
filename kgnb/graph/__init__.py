"""The graph language: what a cell writes, and the rules by which it runs.

Process: kernel. Loop: whichever runs the graph; plain ``graph.run(shared)`` has none.
"""
