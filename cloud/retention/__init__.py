"""How long things are kept, and what goes then: only what an operator stated, and never what a view would need."""
