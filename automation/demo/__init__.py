"""The demonstration: a small shop on loopback, and a project that watches it.

Owns: what `automation demo` shows.
Never: is imported by anything but the command line; reaches beyond loopback.
"""
