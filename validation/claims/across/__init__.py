"""Cross-checks between renderings of a synapse, simulators and recordings, which no paper states."""
