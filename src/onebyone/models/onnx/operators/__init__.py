"""ONNX's operators, each a short function of PyTorch: importing this enters them into the table."""

from onebyone.models.onnx.operators import (
    convolutions as convolutions,
)
from onebyone.models.onnx.operators import (
    elementwise as elementwise,
)
from onebyone.models.onnx.operators import (
    normalising as normalising,
)
from onebyone.models.onnx.operators import (
    pooling as pooling,
)
from onebyone.models.onnx.operators import (
    products as products,
)
from onebyone.models.onnx.operators import (
    reductions as reductions,
)
from onebyone.models.onnx.operators import (
    shapes as shapes,
)
