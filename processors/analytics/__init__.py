"""Events worth counting."""
