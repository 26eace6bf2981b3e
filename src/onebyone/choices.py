"""The words that public calls take, as types; what is checked at run time is made of them."""

from typing import Literal

Padding = Literal["crop", "image"]
"""What zero padding inside a network means."""
Backend = Literal["torch", "inductor", "onnxruntime", "openvino", "auto"]
"""What runs the emitted graph."""
Kind = Literal["dense", "local", "convolution", "pointwise", "linear"]
"""A kind of linear layer; "linear" is a pointwise layer on channels last."""
Order = Literal["channels_first", "channels_last"]
"""How grids are flattened."""
Operator = Literal["convolution", "linear"]
"""What a rewrite makes of layers."""
Layout = Literal["conv1d", "BCS1", "BC1S", "BCHW"]
"""How [..., S, C] lies as a convolution's input."""
Level = Literal["full", "structure"]
"""How much of two files is compared."""
Checked = Literal["full", "structure", "off"]
"""How much of a rewrite is checked."""
Edge = Literal["drop", "pad", "cover"]
"""Where the windows of a scan end."""
Values = Literal["scores", "probabilities", "margin"]
"""What a scan keeps of scores, beside "top:K"."""
Dtype = Literal["float32", "float16", "uint8"]
"""The numbers that a scan keeps."""
