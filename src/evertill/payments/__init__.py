"""Payments: what a provider can do, the attempts we record, and the reconciler that ends every one of them."""
