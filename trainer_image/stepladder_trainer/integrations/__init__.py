"""Other people's training loops on the ladder: callbacks for Lightning and for Hugging Face's Trainer.

Each needs its library, which the extra of its name brings; Trainer wants accelerate too. Their loops stay theirs: they
train, evaluate and make their own checkpoints, which travel inside ours, so that they are as durable and as well kept
as any.
"""
