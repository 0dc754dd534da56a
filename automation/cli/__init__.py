"""The command line: the roof of the house.

Owns: commands, one module for each subject; each has `register(app)`.
Never: imports anything heavy at the top of a module: only the standard library, typer, errors and text.
"""
