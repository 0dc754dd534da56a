"""What can be asked of jobs, runs and mails, and the shape in which it is told.

Owns: each action and each object that both the command line and the web process have, so that there is one of it.
Never: prints, knows HTTP, or asks back.
"""
