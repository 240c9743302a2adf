"""The library of blocks, written in the configuration language itself."""
