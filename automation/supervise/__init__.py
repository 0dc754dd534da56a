"""One machine's processes: a Procfile run as it is written, and nothing left behind when it ends.

Owns: reading Procfiles, starting, watching, restarting and stopping processes, the data folder's lock.
Never: knows what a process does; imports settings, the broker or the ledger.
"""
