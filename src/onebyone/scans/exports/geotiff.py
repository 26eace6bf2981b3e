"""A map that lies on the Earth as a cloud-optimised GeoTIFF."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from onebyone.errors import InputError
from onebyone.scans.exports.geometry import cell_transform, cells_of, reference_system
from onebyone.scans.exports.stripes import stripes
from onebyone.scans.exports.tiff import band_names, tile_side
from onebyone.scans.maps import Map
from onebyone.scans.sources.source import Georeference

CACHE = 64  # MiB of blocks that GDAL keeps: its own bound is a share of the memory


def write_geotiff(map: Map, path: Path) -> None:
    """Write one float32 band for each class, named after it; NaN is no data.

    A pixel is the cell of a window: the stride about the window's centre. GDAL's driver copies a
    finished file, which is written beside `path` first and takes as much room again.
    """
    from rasterio import Env
    from rasterio.shutil import copy

    if map.place is None:
        raise InputError(f"{map.path}: its image has no georeference")
    side = tile_side(map.scores[0].shape[0])
    folders = TemporaryDirectory(dir=path.parent, prefix=".export-")
    with folders as folder, Env(GDAL_CACHEMAX=CACHE):
        bands = Path(folder) / "bands.tif"
        _write_bands(map, map.place, bands, side)
        copy(
            bands,
            path,
            driver="COG",
            COMPRESS="DEFLATE",
            PREDICTOR="FLOATING_POINT",
            BIGTIFF="IF_SAFER",
            BLOCKSIZE=side,
            RESAMPLING="AVERAGE",
        )


def _write_bands(map: Map, place: Georeference, path: Path, side: int) -> None:
    import rasterio
    from rasterio.windows import Window

    count, height, width = map.scores[0].shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=count,
        dtype="float32",
        nodata=np.nan,
        crs=reference_system(map),
        transform=rasterio.Affine(*cell_transform(place, cells_of(map))),
        tiled=True,
        blockxsize=side,
        blockysize=side,
        interleave="pixel",
        compress="deflate",
        zlevel=1,
        bigtiff="YES",
    ) as file:
        file.descriptions = band_names(map)
        for rows, scores in stripes(map, multiple=side):
            file.write(scores, window=Window(0, rows.start, width, scores.shape[1]))
