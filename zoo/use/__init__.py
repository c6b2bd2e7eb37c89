"""Using a trained model on data: what it says of each example, a row each."""
