"""
Learning one task after the other
=================================

Three tasks show the same digits, each with the pixels in an order of its own. Reliable synapses forget the
first while they learn the last. Synapses whose release probability rises where they matter, and which learn
less the more reliably they release, keep more of it. The settings were chosen by hand.

Schug S, Benzing F, Steger A (2021), equation 5 and figure 5, doi:10.7554/eLife.69884.
"""

import matplotlib.pyplot as plt

from brianpresyn.rate_models import Execution, load_images
from brianpresyn.rate_models.continual_learning import permuted_tasks
from brianpresyn.rate_models.continual_methods import Replica, Training, learned
from brianpresyn.rate_models.forgetting import final_accuracy

# %%
# A program is what networks have in common that train together; each replica has its seed and settings.
tasks = permuted_tasks(load_images("digits"), n_tasks=3)
training = Training(hidden_units=(100, 100), n_epochs=10, batch_size=50)
settings = {
    "sgd": {"learning_rate": 0.1},
    "consolidating": {
        "learning_rate": 0.3,
        "p_up": 0.07,
        "p_down": 0.0167,
        "p_freeze": 0.9,
    },
}
results = {}
for program, own in settings.items():
    replicas = [Replica(seed, own) for seed in range(4)]
    results[program] = learned(program, replicas, tasks, training, execution=Execution())
    mean = float(final_accuracy(results[program].accuracy).mean())
    print(f"{program}: {100 * mean:.1f} % of all tasks at the end, 4 networks")

# %%
# Accuracy on each task after every number of tasks learned; the band is the range over four networks.
figure, panels = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
for panel, (program, result) in zip(panels, results.items(), strict=True):
    for task, colour in enumerate(("#0072B2", "#E69F00", "#009E73")):
        accuracy = (
            100 * result.accuracy.isel(task=task).transpose("n_learned", "replica").values
        )
        n_learned = range(len(accuracy))
        panel.plot(n_learned, accuracy.mean(axis=1), color=colour, label=f"task {task + 1}")
        panel.fill_between(
            n_learned, accuracy.min(axis=1), accuracy.max(axis=1), color=colour, alpha=0.2
        )
    panel.set(title=program, xlabel="tasks learned", ylim=(0, 100))
panels[0].set_ylabel("right answers (%)")
panels[0].legend()
plt.show()
