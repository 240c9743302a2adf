"""The outage rehearsal: real policies on a virtual clock."""
