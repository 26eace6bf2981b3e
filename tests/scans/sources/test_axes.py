"""Which axes are space, which channels, and which must be chosen from."""

import numpy as np
import pytest
import xarray

from onebyone.errors import InputError
from onebyone.scans.sources.opening import open_source


def opened(shape, dims, select=None, space=2):
    return open_source(xarray.DataArray(np.zeros(shape), dims=dims), select, space)


def test_axes_of_one_place_need_no_choice():
    source = opened((1, 3, 1, 5, 6), ("t", "c", "z", "y", "x"))
    assert (source.channels, source.levels[0].size) == (3, (5, 6))


def test_axes_of_several_places_do():
    with pytest.raises(InputError, match=r"axes t=1, c=3, z=4, y=5, x=6; choose one .*select z=2"):
        opened((1, 3, 4, 5, 6), ("t", "c", "z", "y", "x"))
    with pytest.raises(InputError, match="choose one place along z"):
        opened((4, 5, 6), ("z", "y", "x"), {"z": [0, 1]})


def test_z_is_space_in_volumes():
    source = opened((1, 3, 4, 5, 6), ("t", "c", "z", "y", "x"), space=3)
    assert (source.channels, source.levels[0].size) == (3, (4, 5, 6))
    with pytest.raises(InputError, match="z is an axis of the image"):
        opened((4, 5, 6), ("z", "y", "x"), {"Z": 1}, space=3)
    with pytest.raises(InputError, match="an image needs Z, Y, X"):
        opened((4, 5, 6), ("t", "y", "x"), space=3)


def test_any_order_of_axes():
    pixels = np.arange(3 * 5 * 6).reshape(3, 5, 6)
    array = xarray.DataArray(pixels, dims=("x", "band", "y"))
    read = open_source(array).read(0, (0, 0), (6, 3))
    np.testing.assert_array_equal(read, pixels.transpose(1, 2, 0))


def test_names_that_mean_nothing_leave_it_to_the_shape():
    assert opened((3, 5, 6), ("dim_0", "dim_1", "dim_2")).channels == 3


@pytest.mark.parametrize("name", ["time", "T", "t"])
def test_names_of_selected_axes(name):
    assert opened((4, 5, 6), ("time", "y", "x"), {name: 2}).channels == 1


def test_twice_the_same_axis():
    with pytest.raises(InputError, match="an image needs Y, X"):
        opened((3, 5, 6, 2), ("y", "lat", "x", "c"))


@pytest.mark.parametrize("shape", [(0, 5), (3, 0, 5), (0, 5, 5)])
def test_empty_images(shape):
    with pytest.raises(InputError, match="the image is empty"):
        open_source(np.zeros(shape))


@pytest.mark.parametrize(
    ("shape", "space", "channels", "size"),
    [
        ((3, 40, 50), 2, 3, (40, 50)),
        ((40, 50, 3), 2, 3, (40, 50)),
        ((40, 50, 4), 2, 4, (40, 50)),
        ((40, 50, 1), 2, 1, (40, 50)),
        ((40, 50, 2), 2, 40, (50, 2)),
        ((3, 3, 3), 2, 3, (3, 3)),
        ((1, 4, 4), 2, 1, (4, 4)),
        ((40, 50, 3), 3, 1, (40, 50, 3)),
        ((2, 40, 50, 3), 3, 2, (40, 50, 3)),
        ((7,), 1, 1, (7,)),
        ((2, 7), 1, 2, (7,)),
        ((9, 3), 1, 9, (3,)),
    ],
)
def test_arrays_without_names(shape, space, channels, size):
    source = open_source(np.zeros(shape), space=space)
    assert (source.channels, source.levels[0].size) == (channels, size)


@pytest.mark.parametrize(("shape", "space"), [((), 2), ((5,), 2), ((1, 2, 3, 4), 2), ((5, 5), 3)])
def test_shapes_that_are_no_images(shape, space):
    with pytest.raises(InputError, match="is no image of"):
        open_source(np.zeros(shape), space=space)
