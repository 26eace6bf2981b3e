"""Operators of ai.onnx.ml, as converters write the pipelines around networks."""

from collections.abc import Sequence

import torch
from torch import Tensor

from onebyone.models.onnx.table import operator

_DOMAIN = "ai.onnx.ml"


@operator("Normalizer", domain=_DOMAIN)
def normalizer(x: Tensor, *, norm: str = "MAX") -> Tensor:
    x = x.float() if not x.is_floating_point() else x
    if norm == "MAX":
        size = torch.amax(x, -1, keepdim=True)
    else:
        size = torch.linalg.vector_norm(x, 1 if norm == "L1" else 2, -1, keepdim=True)
    return torch.where(size == 0, x, x / size).float()


@operator("Binarizer", domain=_DOMAIN)
def binarizer(x: Tensor, *, threshold: float = 0.0) -> Tensor:
    return (x > threshold).to(x.dtype)


@operator("ArrayFeatureExtractor", domain=_DOMAIN)
def array_feature_extractor(x: Tensor, y: Tensor) -> Tensor:
    found = torch.index_select(x, -1, y.reshape(-1))
    return found if x.ndim > 1 else found.unsqueeze(0)


@operator("FeatureVectorizer", domain=_DOMAIN)
def feature_vectorizer(*x: Tensor, inputdimensions: Sequence[int] = ()) -> Tensor:
    return torch.cat([part.flatten(1).float() for part in x], 1)


@operator("LabelEncoder", domain=_DOMAIN)
def label_encoder(
    x: Tensor,
    *,
    keys_floats: Sequence[float] = (),
    keys_int64s: Sequence[int] = (),
    values_floats: Sequence[float] = (),
    values_int64s: Sequence[int] = (),
    default_float: float = -0.0,
    default_int64: int = -1,
) -> Tensor:
    whole = bool(values_int64s)
    dtype = torch.int64 if whole else torch.float32
    found = torch.full_like(x, default_int64 if whole else default_float, dtype=dtype)
    keys, values = keys_int64s or keys_floats, values_int64s or values_floats
    for key, value in zip(keys, values, strict=True):
        found = torch.where(x == key, value, found)
    return found
