"""Analysis: what can be computed of a model and its codes. Functions return tensors; :mod:`zoo.figures` draws them."""
