"""`make bench`: how fast the product is against what a user would run instead, in one run."""
