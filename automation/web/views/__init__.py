"""One module for each page: ask, put it into words, render.

Owns: what each page shows.
Never: knows HTTP; writes to the ledger.
"""
