"""Features in which samples are compared with data: those of a small classifier, trained once a dataset and kept."""
