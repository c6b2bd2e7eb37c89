"""The chain that turns data into noise step by step: schedules, moments, parameterisations, and the way back."""
