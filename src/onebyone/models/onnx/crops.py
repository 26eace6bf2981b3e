"""An ONNX file as it is, on onnxruntime: for crops, of which nothing is shared."""

from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor

from onebyone.errors import InputError, first_line
from onebyone.models.onnx.inputs import Takes
from onebyone.models.onnx.network import given, turned
from onebyone.models.onnx.outputs import named_batches
from onebyone.models.pieces import OneCall

_FOLDER = "session.model_external_initializers_file_folder_path"


class Crops(OneCall):
    """A file's network for windows [N, C, *space], run by onnxruntime.

    Copies and pickles hold the file, but for external data, which stays where it is.
    """

    def __init__(self, model: onnx.ModelProto, path: Path, takes: Takes) -> None:
        super().__init__()
        self.path, self.image, self.dtype = path, takes.image.name, takes.dtype
        self.order, self.batch = takes.axes.order, takes.axes.letters.index("N")
        self.fixed = takes.fixed
        self.outputs = [output.name for output in model.graph.output]
        self.batches = named_batches(model.graph, takes.image, self.batch)
        self.why = f"{path} runs on onnxruntime as crops, as was asked, and nothing is shared"
        self._file = model.SerializeToString()
        self._session = self._started()
        self.eval()

    def __getstate__(self) -> dict[str, Any]:
        """All but the session, which is started again."""
        return {name: value for name, value in self.__dict__.items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # torch's
        self._session = self._started()

    def forward(self, windows: Tensor) -> Any:
        """Give the one output, or a dict of several by their names, with the batch first.

        Raises:
            InputError: onnxruntime does not run the file on such windows.
        """
        images = windows if self.order is None else turned(windows, self.order)
        feeds = {self.image: images.to(self.dtype).contiguous().numpy(force=True)}
        for name, fixed in self.fixed.items():
            value = fixed.value
            if fixed.open and fixed.axis is not None:
                value = value.repeat_interleave(images.shape[self.batch], fixed.axis)
            feeds[name] = value.numpy()
        try:
            found = self._session.run(self.outputs, feeds)
        except Exception as error:  # onnxruntime's have no common base
            raise InputError(f"{self.path}: onnxruntime fails: {first_line(error)}") from error
        results = [torch.from_numpy(array).to(windows.device) for array in found]
        return given(dict(zip(self.outputs, results, strict=True)), self.batches)

    def _started(self) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(
                "--crops, or crops=True, needs onnxruntime: pip install 'onebyone[onnx]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that wait in a loop take the cores from PyTorch's, and from other sessions.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry(_FOLDER, str(self.path.resolve().parent))
        options.log_severity_level = 4
        try:
            return onnxruntime.InferenceSession(
                self._file, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's have no common base
            raise InputError(f"onnxruntime does not take it: {first_line(error)}") from error
