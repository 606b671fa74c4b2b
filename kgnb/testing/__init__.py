"""What people need to test their graphs and notebooks.

Process: the test's. Loop: the test's own.
"""
