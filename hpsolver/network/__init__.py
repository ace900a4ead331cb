"""The networks and their training. Needs Torch; using trained weights does not."""
