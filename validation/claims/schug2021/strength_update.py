"""S25: how synaptic strength changes when its product with the release probability is learned."""

from biophys.estimates import exactly
from validation.criteria import exact
from validation.registry import Context, Findings, measures
from validation.statement import SCHUG, Claim, Clause, row

# Float64: a difference of rounding alone. Equation 8 is the definition of m, put to the next step.
_BY_STRENGTH = "equation 9, by the gradient of the strength itself, is equation 8"
BY_STRENGTH = Clause("S25a", _BY_STRENGTH, "eq 8-9", exact(0.0, 1e-12), unit="synapses")
S25 = Claim("S25", "The explicit update of the synaptic strength m = w / p", SCHUG, (BY_STRENGTH,))


@measures(S25, needs=("torch",))
def strength_update(context: Context) -> Findings:
    """Compare equation 9 with strengths after a step of the expected ones, by automatic gradients."""
    import torch

    rng = context.rng()
    n_inputs, rate = 50, 0.05

    def drawn(low: float, high: float) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(low, high, size=(n_inputs, 10)))

    p, p_next, strength = drawn(0.25, 1), drawn(0.25, 1), drawn(-1, 1).requires_grad_()
    released = (drawn(0, 1) < p).double()
    expected = (p * strength).detach().requires_grad_()
    images = torch.from_numpy(rng.uniform(size=(20, n_inputs)))
    labels = torch.from_numpy(rng.integers(10, size=20))

    def loss(weights: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(torch.relu(images @ weights), labels)

    loss(released * expected / p).backward()
    loss(released * strength).backward()
    if expected.grad is None or strength.grad is None:
        raise RuntimeError("torch gave no gradient")
    with torch.no_grad():
        stepped = (expected - rate * expected.grad) / p_next
        updated = p / p_next * strength - rate / (p_next * p) * strength.grad
    largest = exactly(float((updated - stepped).abs().max()), n=n_inputs * 10, unit="synapses")
    yield row(BY_STRENGTH, largest, "largest difference of a strength after one step")
