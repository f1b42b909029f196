"""From an expression to what it asks for: target phrase, other objects, spatial words."""
