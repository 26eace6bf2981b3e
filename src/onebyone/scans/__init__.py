"""Classifiers at every window of images that do not fit into memory."""

from onebyone.errors import InputError

try:
    import tifffile as _tifffile
    import zarr as _zarr
except ImportError as error:
    raise InputError(f"scans need {error.name}: pip install 'onebyone[scan]'") from error

from onebyone.scans.exports import export
from onebyone.scans.maps import Map, open_map
from onebyone.scans.running import Scan
from onebyone.scans.scanning import scan

__all__ = ["Map", "Scan", "export", "open_map", "scan"]
del _tifffile, _zarr
