"""Prints the values of tests/train/adamw_test.cpp: steps of PyTorch's AdamW.

    python3 tools/make_adamw_values.py
"""

import torch

weights = [0.5, -1.25, 2.0, 0.0]
gradients = [[0.1, -0.2, 0.3, 0.0], [-0.4, 0.05, 0.3, 1e-4], [0.2, 0.2, -0.1, -2e-4]]

for lr, decay in [(1e-2, 0.1), (1e-3, 0.01), (1e-2, 0.0)]:
    p = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([p], lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay)
    for gradient in gradients:
        p.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
    values = ", ".join(repr(float(value)) for value in p.detach())
    print(f"{{.learning_rate = {lr}, .weight_decay = {decay}, .expected = {{{values}}}}},")
