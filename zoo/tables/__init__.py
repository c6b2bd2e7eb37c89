"""Tables: what their columns mean, how files and DataFrames become numbers, and how numbers become DataFrames again."""
