"""What ``brian2.prefs.devices.brianpresyn`` has; registered once both Brian2 and brianpresyn are imported."""

from brian2.core.preferences import BrianPreference, prefs

TWO_LOOPS = "devices.brianpresyn.two_loops"

prefs.register_preferences(
    "devices.brianpresyn",
    "Synapses of brianpresyn",
    two_loops=BrianPreference(
        default=True,
        docs="Whether C++ standalone goes through active synapses in two loops, of which the first draws.",
    ),
)
