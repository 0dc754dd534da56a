"""The HTTP API: everything that the pages do, for programs, under `/api/v1`.

Owns: addresses, bodies, status codes, problems, pagination, and the description that programs read.
Never: does anything itself: acts, queue and ledger do, as for the command line; its objects are those of `--json`.
"""
