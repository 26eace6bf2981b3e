"""`onebyone calibrate`: measure this machine, for plans that fit it."""


def calibrate() -> None:
    """Measure what numbers cost beside arithmetic on this machine; `slide` plans with it."""
    from onebyone.windows.costs import calibrate, costs_file

    found = calibrate()
    print(
        f"A number written takes as long as {found.written} operations, one joined to others as "
        f"long as {found.joined}. Kept in {costs_file()}."
    )
