"""Models for other programs: encoder and decoder as ONNX or as programs of torch.export, checked against the model."""
