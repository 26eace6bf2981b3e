"""ONNX files: what a valid one holds, and the networks that they are."""
