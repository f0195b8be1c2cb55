"""Pages: the same resources as pages for people and as JSON for programs."""
