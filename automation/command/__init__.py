"""Commands: another program in a process group of its own, its output line by line, and its certain end.

Owns: starting, following and stopping it, and the environment it gets.
Never: decides whether an exit code is a failure.
"""
