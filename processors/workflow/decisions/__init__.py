"""How conditions are decided: groups, kinds, comparisons."""
