"""Preparation of data: the steps that convert stored examples to the inputs of a model, and back."""
