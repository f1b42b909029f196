"""`make demo`: camera and node as processes, seven expressions asked and scored."""
