"""What the shop can do on this machine, and where the time goes: `make bench`, read in bench/README.md."""
