"""What works and what does not.

Owns: the checks that the doctor and `/readyz` show.
Never: repairs anything.
"""
