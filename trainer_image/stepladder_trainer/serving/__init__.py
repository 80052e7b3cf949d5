"""A trained model over HTTP: from a trial's checkpoint to answers.

`checkpoint` finds the best one, `model` makes of it what was evaluated in training, `inputs` and `answers` are the ways
in and out of it, `http` and `page` what it looks like from outside, and `command` is `serve`.
"""
