"""Building blocks that encoders, decoders and other networks share."""
