"""From an image to reasons: findings on the criteria, a description, and measurements of what mattered."""
