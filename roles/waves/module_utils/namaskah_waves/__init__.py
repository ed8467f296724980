"""How do the waves of a release go on when hosts end badly? Decided by the operator's policies."""
