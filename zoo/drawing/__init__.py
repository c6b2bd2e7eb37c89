"""How data and figures are drawn: style, points, panels, and a view for each kind of data."""
