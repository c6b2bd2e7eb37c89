"""Preparation of data: the steps that turn stored examples into what a model sees, and back."""
