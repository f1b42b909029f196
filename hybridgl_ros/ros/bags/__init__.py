"""`evaluate_bag`: recorded bags, played into the node and scored."""
