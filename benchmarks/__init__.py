"""What the figures in the README are made with; each prints ratios of things measured in one run."""
