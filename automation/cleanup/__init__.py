"""Clean-up: rule → plan → sweep, on any SQL database that SQLAlchemy reaches.

Owns: which rows a rule means, what stands in the way, and deleting them in short transactions.
Never: knows a job or a run; who cleans up passes an engine, a rule and the moment to count from.
"""
