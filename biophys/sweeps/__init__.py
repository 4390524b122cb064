"""Many runs, of rate networks or of spiking ones: executors, groups of replicas, and their store on disk."""
