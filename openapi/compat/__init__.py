"""What changed between two contracts, and whether a client written for the older one goes on working.

Pure: documents in, changes out. `verdicts` is the policy, one line a rule; docs/compatibility.md explains it.
"""

from openapi.compat.changes import Change, Side
from openapi.compat.contract import Comparison, Contract, compare
from openapi.compat.verdicts import Verdict

__all__ = ["Change", "Comparison", "Contract", "Side", "Verdict", "compare"]
