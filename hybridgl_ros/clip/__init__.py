"""CLIP at the level of tokens: region features, localisation map and text features from one loaded model."""
