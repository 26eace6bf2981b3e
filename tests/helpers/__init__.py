"""What the tests share: the crops oracle, drawn networks and real ones."""
