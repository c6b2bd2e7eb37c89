"""Uses a trained model on data, with one row of results for each example."""
