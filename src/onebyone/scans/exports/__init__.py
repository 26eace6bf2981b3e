"""A finished map as a file that other programs read."""

from onebyone.scans.exports.dispatch import export

__all__ = ["export"]
