"""Training with several processes: on the GPUs of a node, and on several nodes.

The operator says where the others are, in the variables that torchrun reads; `launch` starts a process for each GPU of
this node; `ranks` is what a process then knows of itself.
"""
