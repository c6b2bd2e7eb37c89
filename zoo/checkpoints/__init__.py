"""Checkpoints: ``config.json`` and ``model.safetensors``, written atomically and read without unpickling."""
