"""Schema changes of the ledger, one sentence each."""
