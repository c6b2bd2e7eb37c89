"""The chain that turns data into noise step by step: schedules, moments, relations, and the exact way back."""
