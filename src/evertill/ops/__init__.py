"""The operator console: what goes on in the shop, and the hands to change it. Every change is its owner's verb."""
