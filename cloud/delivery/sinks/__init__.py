"""The kinds of sink: one module each, with its settings; `registry` names them all."""
