"""A training script of somebody else's: two spirals, a plain loop, PyTorch's own optimizer and scheduler.

Three things were added for Stepladder, marked with `# <--`. `python train.py` still runs alone, and then they only log.
"""

import math

import torch

from stepladder_trainer import sdk  # <-- 1

torch.manual_seed(0)
torch.set_num_threads(1)


def spirals(n):
    """n points and the spiral that each lies on."""
    label = torch.arange(n) % 2
    t = torch.rand(n).sqrt() * 3 * math.pi
    angle = t + math.pi * label
    points = torch.stack([t * angle.cos(), t * angle.sin()], dim=1) / 5
    return points + 0.05 * torch.randn(n, 2), label


x_train, y_train = spirals(2000)
x_val, y_val = spirals(1000)

with sdk.trial(target_steps=2000) as trial:  # <-- 2: parameters in, exit code and last word out
    width = int(trial.parameters.get("width", 32))
    lr = float(trial.parameters.get("learning_rate", 0.01))

    net = torch.nn.Sequential(
        torch.nn.Linear(2, width),
        torch.nn.Tanh(),
        torch.nn.Linear(width, width),
        torch.nn.Tanh(),
        torch.nn.Linear(width, 2),
    )
    opt = torch.optim.AdamW(net.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=trial.horizon_steps)

    for step in trial.steps(net=net, opt=opt, sched=sched):  # <-- 3: resumes, stops, saves
        batch = torch.randint(len(x_train), (128,))
        loss = torch.nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        trial.log(step, training_loss=loss.item())

        if trial.evaluation_due(step, every=200):
            with torch.no_grad():
                wrong = (net(x_val).argmax(dim=1) != y_val).float().mean().item()
            trial.report(step, validation_error=wrong)
