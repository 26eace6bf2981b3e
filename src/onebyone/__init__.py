"""onebyone."""
