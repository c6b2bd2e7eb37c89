"""Drawing of data and figures: style, points, panels, and a view for each kind of data."""
