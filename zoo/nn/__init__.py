"""Blocks that encoders, decoders and other networks share."""
