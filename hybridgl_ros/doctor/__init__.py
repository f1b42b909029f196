"""What is wrong with the surroundings: facts about this machine are gathered once, and judged by pure functions."""
