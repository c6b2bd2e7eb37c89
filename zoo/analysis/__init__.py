"""Analysis of a model and its codes: functions that return tensors, for metrics and figures."""
