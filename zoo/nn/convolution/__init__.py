"""Convolutions over images and series: sizes, blocks and upsampling."""
