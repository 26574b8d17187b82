"""How seeds enter: variance components, the spread within a table, what one seed does not cover."""
