"""Run a graph in a notebook cell, watch it live, and answer it with a click."""

__version__ = "0.1.0"
