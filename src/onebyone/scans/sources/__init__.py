"""Images that are read piece by piece, from files and from arrays."""
