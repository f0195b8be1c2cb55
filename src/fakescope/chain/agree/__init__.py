"""How far people agree: on blind verdicts, on criteria, on boxes; and which of two drafts they prefer."""
