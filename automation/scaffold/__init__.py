"""The files that a new project begins with.

Owns: what `automation init` writes.
Never: overwrites a file.
"""
