"""Teachers: the models that write drafts. One seam, and an adapter for each way of reaching a model."""
