"""The commands of `medtech-edge`, one module each, named as the command (`import` is `imports`)."""
