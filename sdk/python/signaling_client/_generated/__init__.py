"""Generated from the service's contract. Never edited: `make contract` writes it anew."""
