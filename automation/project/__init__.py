"""WHAT IS DECLARED: the project's TOML, read, checked and turned into jobs.

Owns: `schedules/**/*.toml`, `automation.toml`, and every problem in them with its place.
Never: runs anything, or connects to anything.
"""
