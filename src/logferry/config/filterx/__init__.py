"""The language of ``filterx { … }``: from its text to a tree."""
