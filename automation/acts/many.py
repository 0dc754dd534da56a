"""What is too much to be meant by chance.

Owns: that number.
Never: imports anything, so that `--help` may say it.
"""

from __future__ import annotations

#: More than so many are asked for once again.
MANY = 100
