"""Hostile input: one table of decoders (`targets`), fed by hypothesis, by atheris, and by every case that ever hurt."""
