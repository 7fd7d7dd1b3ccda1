"""An estate as one file: what is there can be written out, and what is written can be made so."""
