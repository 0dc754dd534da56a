"""The web side: pages of jobs and runs, and what a load balancer asks.

Owns: HTTP for people on this machine.
Never: writes to the ledger.
"""
