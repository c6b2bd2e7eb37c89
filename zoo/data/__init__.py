"""Prepared data: loaded, split, scaled, binarised and read in batches."""

from zoo.data.info import DataInfo
from zoo.data.loading import load_data
from zoo.data.split import Batch, Data, Split
from zoo.data.tensors import split_of_tensor

__all__ = ["Batch", "Data", "DataInfo", "Split", "load_data", "split_of_tensor"]
