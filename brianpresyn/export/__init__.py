"""The same release in other simulators: a piece of synapse as a file of NEST, NEURON, JAX and others."""

from brianpresyn.export.exported import HOSTS, Export, Host
from brianpresyn.export.synapse_table import check_table, read_table, write_table

__all__ = ["HOSTS", "Export", "Host", "check_table", "read_table", "write_table"]
