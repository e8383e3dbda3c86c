"""How the assistant learns: sentences, training, evaluation, the registry of models and the life of a training."""
