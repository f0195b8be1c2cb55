"""Images in: safe decoding, perturbation, what the file says of itself, and pictures for people."""
