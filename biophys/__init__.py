"""One synapse in numbers with units: release statistics, energy costs, optimal precision."""
