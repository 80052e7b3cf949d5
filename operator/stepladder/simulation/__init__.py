"""A study in virtual time: the engine and the samplers as they are, trainers replaced by a table of learning curves."""
