"""What does this site really store? Asked of a real browser, told so that a lawyer can read it."""
