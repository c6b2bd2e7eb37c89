"""Files of arrays and of images, their labels, and names that mean something to every reader of data."""
