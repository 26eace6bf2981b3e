"""A map that lies on the Earth as a cloud-optimised GeoTIFF."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from onebyone.errors import InputError, first_line
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
        try:
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
        except Exception as error:  # of a full disk, of types that rasterio keeps to itself
            raise OSError(f"GDAL says: {first_line(error)}") from error
        _check_written(map, path)


def _check_written(map: Map, path: Path) -> None:
    """Read all back: of what cannot be written as a file is closed, GDAL raises nothing."""
    import rasterio
    from rasterio.windows import Window

    with rasterio.open(path) as file:
        for rows, scores in stripes(map, multiple=file.block_shapes[0][0]):
            window = Window(0, rows.start, file.width, scores.shape[1])
            if not np.array_equal(file.read(window=window), scores, equal_nan=True):
                raise OSError("its pixels do not read back as they were written")


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
