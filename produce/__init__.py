"""Publishing a CSV file to the topic `events`: what `sma produce` does."""
