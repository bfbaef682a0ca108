"""What changed between two contracts, and whether a client written for the older one goes on working.

Pure: documents in, changes out. `verdicts` is the policy, one line a rule; docs/compatibility.md explains it.

Written here because the tools that compare OpenAPI documents know nothing of AsyncAPI or of close codes, and
judge by rules of their own: none can be told that our clients pass over what they do not know.
"""

from openapi.compat.changes import Change, Side
from openapi.compat.contract import Comparison, Contract, compare
from openapi.compat.verdicts import Verdict

__all__ = ["Change", "Comparison", "Contract", "Side", "Verdict", "compare"]
