"""The running program: topology, reload, state, control, statistics."""
