"""Images of every kind that a scan reads, each with what the format's own library reads of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import openslide
import rasterio
import tifffile
import xarray
import zarr
from PIL import Image
from skimage import data

RNG = np.random.default_rng(5)
PHOTO = np.tile(data.astronaut(), (1, 2, 1))[40:397, 100:641]  # [357, 541, 3]
DEEP = RNG.integers(0, 2**16, (4, 130, 97), dtype=np.uint16)  # [C, H, W]
VOLUME = RNG.normal(size=(2, 9, 40, 50)).astype(np.float32)  # [C, D, H, W]
MICROMETRE = {"resolution": (1e4 / 0.5, 1e4 / 0.25), "resolutionunit": "centimeter"}


@dataclass(frozen=True)
class Case:
    """An image to open, and all its levels [C, *space] as its library reads them."""

    image: Any
    levels: list[np.ndarray]
    select: Mapping[str, Any] | None = None
    space: int = 2


def first(pixels: np.ndarray) -> np.ndarray:
    """Channels first."""
    return np.moveaxis(pixels, -1, 0)


def halves(pixels: np.ndarray, count: int) -> list[np.ndarray]:
    """A picture [H, W, C] and coarser ones, each of every second pixel."""
    return [pixels[:: 2**n, :: 2**n] for n in range(count)]


def pyramid(path: Path, pixels: np.ndarray, count: int = 3, **options: Any) -> list[np.ndarray]:
    """Write the levels of a pyramid as pages of a tiled TIFF, and return them as tifffile does."""
    with tifffile.TiffWriter(path) as file:
        for number, level in enumerate(halves(pixels, count)):
            file.write(
                level,
                tile=(64, 80),
                photometric="rgb",
                metadata=None,
                subfiletype=int(number > 0),
                **(MICROMETRE | options),
            )
    return tiff_levels(path)


def tiff_levels(path: Path) -> list[np.ndarray]:
    """Levels [C, H, W] of a TIFF of RGB, by tifffile."""
    with tifffile.TiffFile(path) as file:
        return [first(level.asarray()) for level in file.series[0].levels]


def scene(path: Path, pixels: np.ndarray, **options: Any) -> list[np.ndarray]:
    """Write a GeoTIFF of bands [C, H, W] with two overviews; return its levels by rasterio."""
    settings = {
        "crs": "EPSG:32632",
        "transform": rasterio.Affine(10, 0, 5e5, 0, -20, 5e6),
        "tiled": True,
        "blockxsize": 64,
        "blockysize": 64,
        "compress": "deflate",
        "nodata": 7,
    } | options
    count, height, width = pixels.shape
    size = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with rasterio.open(path, "w", driver="GTiff", **size, **settings) as file:
        file.write(pixels)
        file.build_overviews([2, 4], rasterio.enums.Resampling.average)
    levels = []
    for number in range(3):
        options = {"overview_level": number - 1} if number else {}
        with rasterio.open(path, **options) as file:
            levels.append(file.read())
    return levels


def ome_zarr(path: Path, version: str, unit: str = "micrometer") -> list[np.ndarray]:
    """Write an OME-Zarr image of axes t, c, z, y, x and two levels, and return its arrays."""
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    full = RNG.integers(0, 256, (2, 3, 4, 65, 81), dtype=np.uint8)
    arrays = [full, full[..., ::2, ::2]]
    axes = [
        {"name": "t", "type": "time"},
        {"name": "c", "type": "channel"},
        *({"name": name, "type": "space", "unit": unit} for name in "zyx"),
    ]
    datasets = []
    for number, array in enumerate(arrays):
        group.create_array(str(number), data=array, chunks=(1, 1, 1, 32, 32))
        scale = {"type": "scale", "scale": [1.0, 1.0, 2.0, 0.5 * 2**number, 0.25 * 2**number]}
        datasets.append({"path": str(number), "coordinateTransformations": [scale]})
    multiscales = [{"version": version, "axes": axes, "datasets": datasets}]
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": multiscales}
    else:
        group.attrs["multiscales"] = multiscales
    return arrays


def _npy(folder: Path) -> Case:
    np.save(folder / "image.npy", DEEP)
    return Case(folder / "image.npy", [DEEP])


def _npz(folder: Path) -> Case:
    np.savez_compressed(folder / "image.npz", image=DEEP)
    return Case(folder / "image.npz", [DEEP])


def _memmap(folder: Path) -> Case:
    np.save(folder / "image.npy", PHOTO)
    whole = np.load(folder / "image.npy", mmap_mode="r")
    return Case(whole[3:-2, 9:, ::-1], [first(PHOTO)[::-1, 3:-2, 9:]])


def _zarr_array(folder: Path) -> Case:
    array = zarr.create_array(folder / "z.zarr", data=DEEP, chunks=(1, 32, 32))
    return Case(array, [DEEP])


def _dask(_: Path) -> Case:
    return Case(dask.array.from_array(PHOTO, chunks=(100, 64, 3)), [first(PHOTO)])


def _xarray(_: Path) -> Case:
    array = xarray.DataArray(PHOTO, dims=("lat", "lon", "band"))
    return Case(array, [first(PHOTO)[[2, 0]]], {"band": [2, 0]})


def _xarray_of_dask(_: Path) -> Case:
    array = dask.array.from_array(VOLUME, chunks=20)
    named = xarray.DataArray(array, dims=("c", "time", "y", "x"))
    return Case(named, [VOLUME[:, 4]], {"T": 4})


def _png(folder: Path) -> Case:
    Image.fromarray(PHOTO).save(folder / "Bild äé.png")
    return Case(folder / "Bild äé.png", [first(PHOTO)])


def _jpeg(folder: Path) -> Case:
    Image.fromarray(PHOTO).save(folder / "image.jpg")
    return Case(folder / "image.jpg", [first(np.asarray(Image.open(folder / "image.jpg")))])


def _palette_png(folder: Path) -> Case:
    picture = Image.fromarray(PHOTO).quantize(20)
    picture.save(folder / "image.png")
    return Case(folder / "image.png", [first(np.asarray(picture.convert("RGB")))])


def _plain(name: str, pixels: np.ndarray, expected: np.ndarray, **options: Any) -> Any:
    """A case of one TIFF."""

    def make(folder: Path) -> Case:
        space = expected.ndim - 1
        tifffile.imwrite(folder / name, pixels, **options)
        return Case(folder / name, [expected], space=space)

    return make


def _pages(**options: Any) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        return Case(folder / "p.tif", pyramid(folder / "p.tif", PHOTO, **options))

    return make


def _subifds(folder: Path) -> Case:
    path = folder / "sub.ome.tif"
    pixels = RNG.integers(0, 256, (3, 4, 130, 170), dtype=np.uint8)  # CZYX
    options = {"tile": (32, 48), "compression": "lzw"}
    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as file:
        told = {"axes": "CZYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
        file.write(pixels, subifds=1, metadata=told, **options)
        file.write(pixels[..., ::2, ::2], subfiletype=1, **options)
    with tifffile.TiffFile(path) as file:
        levels = [level.asarray()[:, 1] for level in file.series[0].levels]
    assert len(levels) == 2
    return Case(path, levels, {"Z": 1})


def _ome_volume(folder: Path) -> Case:
    path = folder / "volume.ome.tif"
    tifffile.imwrite(path, VOLUME, metadata={"axes": "CZYX"}, compression="zlib")
    return Case(path, [VOLUME], space=3)


def _ome_files(folder: Path) -> Case:
    """An OME-TIFF whose second channel lies in a file of its own."""
    told, places = {}, ""
    for number, name in enumerate(("a.ome.tif", "b.ome.tif")):
        pixels = DEEP[2 * number : 2 * number + 2]
        tifffile.imwrite(folder / name, pixels, metadata={"axes": "CYX"}, compression="zlib")
        with tifffile.TiffFile(folder / name) as file:
            told[name] = file.ome_metadata
        uuid = told[name].split('UUID="')[1].split('"')[0]
        places += (
            f'<TiffData FirstC="{number}" IFD="{number}" PlaneCount="1">'
            f'<UUID FileName="{name}">{uuid}</UUID></TiffData>'
        )
    begin, rest = told["a.ome.tif"].split("<TiffData", 1)
    described = begin + places + "</Pixels>" + rest.split("</Pixels>", 1)[1]
    tifffile.tiffcomment(folder / "a.ome.tif", described.encode())
    return Case(folder / "a.ome.tif", [DEEP[[0, 3]]])


def _imagej(folder: Path) -> Case:
    pixels = RNG.integers(0, 256, (3, 5, 30, 40), dtype=np.uint8)
    tifffile.imwrite(folder / "j.tif", pixels, imagej=True, metadata={"axes": "ZCYX"})
    return Case(folder / "j.tif", [pixels[2, [4, 0]]], {"Z": 2, "C": [4, 0]})


def _scene(folder: Path) -> Case:
    return Case(folder / "g.tif", scene(folder / "g.tif", DEEP))


def _scene_of_many(folder: Path) -> Case:
    pixels = RNG.integers(0, 256, (300, 70, 65), dtype=np.uint8)
    return Case(folder / "g.tif", scene(folder / "g.tif", pixels))


def _jpeg2000(folder: Path) -> Case:
    path = folder / "image.jp2"
    size = {"count": 3, "height": 357, "width": 541, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(path, "w", driver="JP2OpenJPEG", quality="100", reversible="yes", **size,
                       **place) as file:  # fmt: skip
        file.write(first(PHOTO))
    with rasterio.open(path) as file:
        return Case(path, [file.read()])


def _zarr(form: int) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        path = folder / "image.zarr"
        names = {"dimension_names": ("y", "x", "c")} if form == 3 else {}
        zarr.create_array(path, data=PHOTO, chunks=(64, 50, 2), zarr_format=form, **names)
        return Case(path, [first(PHOTO)])

    return make


def _ome_zarr(version: str) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        arrays = ome_zarr(folder / "image.ome.zarr", version)
        levels = [array[1, :, 2] for array in arrays]
        return Case(str(folder / "image.ome.zarr"), levels, {"Z": 2, "t": 1})

    return make


def _slide(folder: Path) -> Case:
    """Levels of whole numbers: 512, 256 and 128 pixels, which OpenSlide reads as they are."""
    pyramid(folder / "s.tif", data.astronaut(), compression="jpeg", compressionargs={"level": 90})
    levels = []
    with openslide.OpenSlide(folder / "s.tif") as slide:
        for number, size in enumerate(slide.level_dimensions):
            pixels = slide.read_region((0, 0), number, size)
            levels.append(first(np.asarray(pixels.convert("RGB"))))
    # OpenSlide opens tiled TIFF as "generic", which we leave to tifffile unless it is called so.
    path = (folder / "s.tif").rename(folder / "s.svs")
    return Case(path, levels)


GREY = DEEP[0]
BYTES = (DEEP >> 8).astype(np.uint8)
CASES: dict[str, Callable[[Path], Case]] = {
    "array [H, W]": lambda _: Case(GREY, [GREY[None]]),
    "array [C, H, W] of floats": lambda _: Case(VOLUME[0], [VOLUME[0]]),
    "array [H, W, C]": lambda _: Case(PHOTO, [first(PHOTO)]),
    "array, big-endian": lambda _: Case(DEEP.astype(">u2"), [DEEP]),
    "array, chosen channels": lambda _: Case(DEEP, [DEEP[[3, 0, 1]]], {"C": [3, 0, 1]}),
    "volume": lambda _: Case(VOLUME, [VOLUME], space=3),
    "signal": lambda _: Case(GREY, [GREY], space=1),
    "one pixel": lambda _: Case(GREY[:1, :1], [GREY[None, :1, :1]]),
    "npy": _npy,
    "npz": _npz,
    "memmap, a part of it": _memmap,
    "zarr array": _zarr_array,
    "dask array": _dask,
    "DataArray": _xarray,
    "DataArray of dask": _xarray_of_dask,
    "PNG": _png,
    "JPEG": _jpeg,
    "PNG with a palette": _palette_png,
    "TIFF as it is": _plain("a.tif", PHOTO, first(PHOTO)),
    "TIFF in strips": _plain("a.tif", PHOTO, first(PHOTO), compression="lzw", rowsperstrip=50),
    "TIFF in one strip": _plain("a.tif", GREY, GREY[None], compression="zlib", rowsperstrip=130),
    "TIFF, planar": _plain(
        "a.tif", first(PHOTO), first(PHOTO), planarconfig="separate", photometric="rgb",
        tile=(64, 64), compression="zstd",
    ),
    "TIFF, planar strips": _plain(
        "a.tif", DEEP, DEEP, planarconfig="separate", photometric="minisblack", rowsperstrip=16,
        compression="zlib", extrasamples=[0, 0, 0],
    ),
    "TIFF of pages": _plain("a.tif", DEEP, DEEP, photometric="minisblack", compression="lzma"),
    "TIFF of pages, a volume": _plain(
        "a.tif", VOLUME[0], VOLUME[0][None], photometric="minisblack", compression="zlib",
        predictor=True,
    ),
    "TIFF of deep tiles": _plain(
        "a.tif", VOLUME[0], VOLUME[0][None], photometric="minisblack", compression="zlib",
        tile=(4, 16, 16), volumetric=True, metadata={"axes": "ZYX"},
    ),
    "TIFF, big-endian floats": _plain(
        "a.tif", VOLUME[0, 0], VOLUME[0, 0][None], byteorder=">", tile=(16, 32)
    ),
    "BigTIFF, big-endian": _plain(
        "a.btf", PHOTO, first(PHOTO), bigtiff=True, byteorder=">", tile=(32, 32),
        compression="zlib",
    ),
    "TIFF, white is zero": _plain(
        "a.tif", BYTES[0], 255 - BYTES[0][None], photometric="miniswhite", compression="zlib"
    ),
    "TIFF, one bit": _plain(
        "a.tif", BYTES[0] > 99, np.uint8(255) * (BYTES[:1] > 99), photometric="minisblack"
    ),
    "TIFF, one bit, white is zero": _plain(
        "a.tif", BYTES[0] > 99, np.uint8(255) * (BYTES[:1] <= 99), photometric="miniswhite"
    ),
    "TIFF of 300 channels": _plain(
        "a.tif", np.resize(BYTES, (40, 30, 300)), first(np.resize(BYTES, (40, 30, 300))),
        photometric="minisblack", planarconfig="contig", extrasamples=[0] * 299, tile=(16, 16),
        compression="zlib",
    ),
    "TIFF of half floats": _plain(
        "a.tif", VOLUME[0, 0].astype(np.float16), VOLUME[:1, 0].astype(np.float16), tile=(16, 16)
    ),
    "pyramid of pages": _pages(),
    "pyramid of pages, JPEG": _pages(compression="jpeg"),
    "pyramid of pages, JPEG 2000": _pages(compression="jpeg2000"),
    "pyramid of SubIFDs": _subifds,
    "OME volume": _ome_volume,
    "OME in two files": _ome_files,
    "ImageJ": _imagej,
    "slide": _slide,
    "GeoTIFF": _scene,
    "GeoTIFF of 300 bands": _scene_of_many,
    "JPEG 2000": _jpeg2000,
    "Zarr 2": _zarr(2),
    "Zarr 3": _zarr(3),
    "OME-Zarr 0.4": _ome_zarr("0.4"),
    "OME-Zarr 0.5": _ome_zarr("0.5"),
}  # fmt: skip
