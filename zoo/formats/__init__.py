"""Formats of stored data: files of arrays and images, labels, and the usual names of splits."""
